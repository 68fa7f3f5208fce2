import type { NodeId } from "@cluster-os/identity";
import { expect } from "chai";
import { controlPlaneStatus } from "../src/reports.ts";
import type { PlacedMember, View } from "../src/view.ts";

const [a, b, c] = ["a", "b", "c"] as unknown as [NodeId, NodeId, NodeId];

/** All of them well, those of `servers` in the roles. */
function viewOf(servers: readonly NodeId[]): Pick<View, "members" | "isServer"> {
  const members = [a, b, c].map((nodeId, at) => ({
    member: { nodeId, name: `n-${nodeId}`, status: "alive", description: { kubernetes: { state: "ready" } } },
    index: at + 1,
    meshAddress: `10.86.0.${at + 1}`,
  })) as unknown as readonly PlacedMember[];
  return { members: () => members, isServer: (nodeId) => servers.includes(nodeId) };
}

const voter = (name: string) => ({ name, address: "", isLearner: false, healthy: true });
const namesOf = ({ voters }: ReturnType<typeof controlPlaneStatus>) => voters.map(({ name }) => name);

describe("who serves", () => {
  it("is who etcd lists, though the roles have gone on", () => {
    const etcdMembers = ["n-a", "n-b", "n-c"].map(voter);
    expect(
      namesOf(controlPlaneStatus(viewOf([a, b]), { etcdMembers, leader: undefined }, undefined)),
    ).to.deep.equal(["n-a", "n-b", "n-c"]);
  });

  it("is who the roles name, where etcd cannot be asked", () => {
    expect(namesOf(controlPlaneStatus(viewOf([a, b]), undefined, undefined))).to.deep.equal(["n-a", "n-b"]);
  });

  it("is nobody that is no member", () => {
    const etcdMembers = ["n-a", "n-gone"].map(voter);
    expect(
      namesOf(controlPlaneStatus(viewOf([a]), { etcdMembers, leader: undefined }, undefined)),
    ).to.deep.equal(["n-a"]);
  });
});

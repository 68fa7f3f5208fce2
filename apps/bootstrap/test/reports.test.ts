import { MemberList } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { MemberStatus } from "@cluster-os/membership";
import { expect } from "chai";
import { memberList } from "../src/reports.ts";
import type { PlacedMember } from "../src/view.ts";

const nodeId = (index: number): NodeId => `ed25519:${String(index).repeat(64)}` as NodeId;

function member(index: number, status: MemberStatus): PlacedMember {
  const description = { roles: ["worker"], capabilities: { cpu: 4, memoryBytes: 2 ** 33, gpus: 1 } };
  return {
    index,
    meshAddress: `10.86.0.${index}`,
    member: { nodeId: nodeId(index), name: nodeName(nodeId(index)), status, description },
  } as PlacedMember;
}

describe("the list of members", () => {
  const statuses: readonly MemberStatus[] = ["alive", "suspect", "failed", "left"];
  const members = statuses.map((status, index) => member(index + 1, status));

  it("has every admitted member, then who was removed", () => {
    const list = memberList({ members: () => members, revoked: () => [nodeId(9), nodeId(8)] });
    expect(MemberList.parse(list).map(({ node_id, status }) => [node_id, status])).to.deep.equal([
      [nodeId(1), "healthy"],
      [nodeId(2), "suspect"],
      [nodeId(3), "failed"],
      [nodeId(4), "left"],
      [nodeId(9), "removed"],
      [nodeId(8), "removed"],
    ]);
  });

  it("says what a member has, and nothing of who was removed", () => {
    const list = memberList({ members: () => members.slice(0, 1), revoked: () => [nodeId(9)] });
    expect(list.map(({ name, roles, capabilities }) => ({ name, roles, capabilities }))).to.deep.equal([
      { name: nodeName(nodeId(1)), roles: ["worker"], capabilities: { cpu: 4, ram: "8GB", gpu: true } },
      { name: nodeName(nodeId(9)), roles: [], capabilities: { cpu: 0, ram: "0GB", gpu: false } },
    ]);
  });
});

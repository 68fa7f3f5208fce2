import type { NodeId } from "@cluster-os/identity";
import { chooseAddressPlan } from "@cluster-os/mesh";
import { expect } from "chai";
import { meshView } from "../src/mesh-view.ts";
import type { PlacedMember } from "../src/view.ts";

const nodeId = (index: number): NodeId => `ed25519:${String(index).repeat(64)}` as NodeId;
const SELF = nodeId(1);

function member(index: number, status: "alive" | "failed" | "left", isHeard = true): PlacedMember {
  const description = { wireguardKey: new Uint8Array(32).fill(index), wireguardPort: 51820 };
  return {
    index,
    meshAddress: `10.86.0.${index}`,
    member: {
      nodeId: nodeId(index),
      status,
      address: isHeard ? `[fe80::${index}%eth0]:8686` : "",
      description: isHeard ? description : undefined,
    },
  } as PlacedMember;
}

const viewOf = (...members: readonly PlacedMember[]) => ({
  addressPlan: chooseAddressPlan([]),
  selfIndex: 1,
  members: () => members,
  roster: () => [1, 2, 3].map((index) => ({ nodeId: nodeId(index), index, hasLeft: false })),
});

describe("the mesh as this machine is to have it", () => {
  it("has who is alive and who failed as peers, but not who left", () => {
    const view = meshView(viewOf(member(1, "alive"), member(2, "failed"), member(3, "left")), SELF);
    expect(view?.peers.map(({ index, endpoint }) => [index, endpoint])).to.deep.equal([
      [2, "[fe80::2%eth0]:51820"],
    ]);
    expect(view?.unheard).to.deep.equal([]);
  });

  it("tells who was not heard of yet: not in the list at all, or without a word", () => {
    const view = meshView(viewOf(member(1, "alive"), member(2, "alive", false)), SELF);
    expect(view?.peers).to.deep.equal([]);
    expect(view?.unheard).to.deep.equal([2, 3]);
  });

  it("is none before admission", () => {
    expect(meshView({ ...viewOf(), addressPlan: undefined }, SELF)).to.equal(undefined);
  });
});

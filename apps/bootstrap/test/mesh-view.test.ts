import { agreementKeyFromPrivate, nodeIdOf, proveAgreementKey, type NodeId } from "@cluster-os/identity";
import { chooseAddressPlan } from "@cluster-os/mesh";
import { expect } from "chai";
import { meshView } from "../src/mesh-view.ts";
import type { PlacedMember } from "../src/view.ts";

const nodeId = (index: number): NodeId => nodeIdOf(new Uint8Array(32).fill(index));
const keyOf = (index: number) => agreementKeyFromPrivate(new Uint8Array(32).fill(0x40 + index));
const proofOf = (index: number, of = index) => proveAgreementKey(keyOf(of), "wireguard-key", nodeId(index));
const SELF = nodeId(1);

function member(index: number, status: "alive" | "failed" | "left", isHeard = true): PlacedMember {
  const description = {
    wireguardKey: keyOf(index).publicKey,
    wireguardProof: proofOf(index),
    wireguardPort: 51820,
  };
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

  it("does not let a member announce another's key: it is no peer, and its owner stays one", () => {
    const thief = member(2, "alive");
    const proofs = [undefined, proofOf(3), proofOf(2), proofOf(2, 3).fill(0, 60)];
    for (const wireguardProof of proofs) {
      Object.assign(thief.member.description!, { wireguardKey: keyOf(3).publicKey, wireguardProof });
      const view = meshView(viewOf(member(1, "alive"), thief, member(3, "alive")), SELF);
      expect(view?.peers.map(({ index }) => index)).to.deep.equal([3]);
      expect(view?.unproven).to.deep.equal([nodeId(2)]);
    }
  });

  it("passes over a next key that is not proven", () => {
    const next = { nextWireguardKey: keyOf(3).publicKey, nextWireguardProof: proofOf(3) };
    const announcer = member(2, "alive");
    Object.assign(announcer.member.description!, next);
    const view = meshView(viewOf(member(1, "alive"), announcer), SELF);
    expect(view?.peers.map(({ nextKey }) => nextKey)).to.deep.equal([undefined]);
  });

  it("is none before admission", () => {
    expect(meshView({ ...viewOf(), addressPlan: undefined }, SELF)).to.equal(undefined);
  });
});

import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import fc from "fast-check";
import {
  generateAgreementKey,
  generateIdentity,
  isAgreementKeyProven,
  proveAgreementKey,
} from "../src/index.ts";

const PURPOSE = "test-key";

function pair(seed: number) {
  const rng = seededRng(seed);
  return { key: generateAgreementKey(rng), nodeId: generateIdentity(rng).nodeId };
}

describe("the proof that an agreement key is a node's own", () => {
  it("holds for the key, the purpose and the node that it was made for, whatever the key", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const { key, nodeId } = pair(seed);
      const proof = proveAgreementKey(key, PURPOSE, nodeId);
      expect(isAgreementKeyProven(key.publicKey, proof, PURPOSE, nodeId), `seed ${seed}`).to.equal(true);
    }
  });

  it("holds for nothing else", () => {
    const { key, nodeId } = pair(1);
    const other = pair(2);
    const proof = proveAgreementKey(key, PURPOSE, nodeId);
    expect(isAgreementKeyProven(other.key.publicKey, proof, PURPOSE, nodeId)).to.equal(false);
    expect(isAgreementKeyProven(key.publicKey, proof, "another-key", nodeId)).to.equal(false);
    expect(isAgreementKeyProven(key.publicKey, proof, PURPOSE, other.nodeId)).to.equal(false);
    // What another node can do with a public key: prove it with a key of its own.
    const stolen = proveAgreementKey(other.key, PURPOSE, other.nodeId);
    expect(isAgreementKeyProven(key.publicKey, stolen, PURPOSE, other.nodeId)).to.equal(false);
  });

  it("is broken by any changed bit", () => {
    const { key, nodeId } = pair(3);
    const proof = proveAgreementKey(key, PURPOSE, nodeId);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 511 }), (bit) => {
        const changed = new Uint8Array(proof);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(isAgreementKeyProven(key.publicKey, changed, PURPOSE, nodeId)).to.equal(false);
      }),
    );
  });

  it("is the same bytes each time", () => {
    const { key, nodeId } = pair(4);
    expect(proveAgreementKey(key, PURPOSE, nodeId)).to.deep.equal(proveAgreementKey(key, PURPOSE, nodeId));
  });

  it("takes garbage for no proof", () => {
    const { nodeId } = pair(5);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 80 }), (key, proof) => {
        expect(isAgreementKeyProven(key, proof, PURPOSE, nodeId)).to.equal(false);
      }),
    );
    for (const fill of [0, 0xff])
      expect(
        isAgreementKeyProven(new Uint8Array(32).fill(fill), new Uint8Array(64), PURPOSE, nodeId),
      ).to.equal(false);
  });
});

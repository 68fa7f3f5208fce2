import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import fc from "fast-check";
import { generateIdentity, isSafePublicKey, pairSecret, type Identity } from "../src/index.ts";

const identities = Array.from({ length: 40 }, (_, at) => generateIdentity(seededRng(at + 1)));
const [alice, bob, carol] = [1, 2, 3].map((seed) => generateIdentity(seededRng(seed))) as [
  Identity,
  Identity,
  Identity,
];

/** Little-endian, as keys are. */
function key(...first: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes.set(first);
  return bytes;
}

describe("the secret of two nodes", () => {
  it("is the same on both sides, whoever they are", () => {
    for (const one of identities)
      for (const other of identities.slice(0, 5))
        expect(pairSecret(one, other.publicKey)).to.deep.equal(pairSecret(other, one.publicKey));
  });

  it("is nobody else's", () => {
    const own = pairSecret(alice, bob.publicKey);
    expect(own).to.have.length(32);
    expect(pairSecret(carol, bob.publicKey)).not.to.deep.equal(own);
    expect(pairSecret(alice, carol.publicKey)).not.to.deep.equal(own);
  });

  it("does not depend on the sign of x, which the curve's other form does not have", () => {
    const mirrored = new Uint8Array(bob.publicKey);
    mirrored[31]! ^= 0x80;
    expect(pairSecret(alice, mirrored)).to.deep.equal(pairSecret(alice, bob.publicKey));
  });

  for (const [name, publicKey] of [
    ["the neutral point", key(1)],
    ["a point of order 2", new Uint8Array(32).fill(0xff).with(0, 0xec).with(31, 0x7f)],
    ["a point of order 4", key()],
    ["a number beyond the field", new Uint8Array(32).fill(0xff)],
    ["31 bytes", new Uint8Array(31)],
  ] as const) {
    it(`there is none with ${name}`, () => {
      expect(pairSecret(alice, publicKey)).to.equal(undefined);
    });
  }

  it("there is one with every key that admission lets in, and any bytes throw nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (publicKey) => {
        const secret = pairSecret(alice, publicKey);
        if (isSafePublicKey(publicKey)) expect(secret).to.have.length(32);
      }),
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";
import {
  backoffMs,
  fromHex,
  InvariantError,
  invariant,
  seededRng,
  shuffled,
  toBase32,
  toHex,
  utf8,
} from "../src/index.ts";

describe("seededRng", () => {
  it("gives the same numbers for the same seed, and others for another", () => {
    const numbers = (seed: number) =>
      Array.from(
        { length: 5 },
        (
          (rng) => () =>
            rng.fraction()
        )(seededRng(seed)),
      );
    expect(numbers(7)).to.deep.equal(numbers(7));
    expect(numbers(7)).not.to.deep.equal(numbers(8));
  });

  it("is uniform enough to simulate loss with", () => {
    const rng = seededRng(3);
    const hits = Array.from({ length: 20_000 }, () => rng.fraction()).filter((value) => value < 0.05).length;
    expect(hits).to.be.within(850, 1150);
  });

  it("shuffles to a permutation", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        expect([...shuffled(seededRng(seed), items)].sort()).to.deep.equal([...items].sort());
      }),
    );
  });
});

describe("backoffMs", () => {
  it("stays between half and all of the growing delay, up to its limit", () => {
    const policy = { initialMs: 100, maxMs: 5000, factor: 2 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer(), (failures, seed) => {
        const full = Math.min(5000, 100 * 2 ** (failures - 1));
        expect(backoffMs(policy, failures, seededRng(seed))).to.be.within(full / 2, full);
      }),
    );
  });
});

describe("bytes", () => {
  it("hexadecimal there and back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes);
      }),
    );
    expect(() => fromHex("abc")).to.throw(RangeError);
    expect(() => fromHex("zz")).to.throw(RangeError);
  });

  // RFC 4648 section 10.
  const vectors = {
    "": "",
    f: "my",
    fo: "mzxq",
    foo: "mzxw6",
    foob: "mzxw6yq",
    fooba: "mzxw6ytb",
    foobar: "mzxw6ytboi",
  };
  for (const [text, expected] of Object.entries(vectors)) {
    it(`base32 of "${text}"`, () => expect(toBase32(utf8(text))).to.equal(expected));
  }
});

describe("invariant", () => {
  it("throws its reason", () => {
    expect(() => invariant(false, "why")).to.throw(InvariantError, "why");
  });
});

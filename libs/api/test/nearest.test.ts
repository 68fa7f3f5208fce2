import { nearest } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { editDistance } from "../src/nearest.ts";

describe("nearest", () => {
  const cases: readonly [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["expect", "expct", 1],
  ];
  for (const [left, right, distance] of cases) {
    it(`"${left}" and "${right}" are ${distance} apart`, () =>
      expect(editDistance(left, right)).to.equal(distance));
  }

  it("is a distance: zero for the same only, the same both ways, no longer by a detour", () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b) === 0).to.equal(a === b);
        expect(editDistance(a, b)).to.equal(editDistance(b, a));
        expect(editDistance(a, c)).to.be.at.most(editDistance(a, b) + editDistance(b, c));
      }),
    );
  });

  it("finds what was meant, whatever the case, and nothing far away", () => {
    expect(nearest("JOINKEY", ["joinKey", "label"])).to.equal("joinKey");
    expect(nearest("zebra", ["joinKey", "label"])).to.equal(undefined);
  });
});

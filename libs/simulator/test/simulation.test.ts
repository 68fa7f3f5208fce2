import { expect } from "chai";
import { simulate } from "../src/index.ts";

/** A few of each size; `nx run simulator:explore` runs as many as wanted. */
const sizes: readonly { readonly machines: number; readonly seeds: number }[] = [
  { machines: 1, seeds: 2 },
  { machines: 2, seeds: 3 },
  { machines: 3, seeds: 6 },
  { machines: 5, seeds: 4 },
  { machines: 9, seeds: 1 },
];

describe("histories", () => {
  for (const { machines, seeds } of sizes) {
    it(`of ${machines} machines end well, seeds 1 to ${seeds}`, () => {
      for (let seed = 1; seed <= seeds; seed += 1) simulate({ seed, machines });
    }).timeout(120_000);
  }

  it("replay from their seed", () => {
    const run = () => simulate({ seed: 7, machines: 3 });
    expect(run()).to.deep.equal(run());
  }).timeout(60_000);
});

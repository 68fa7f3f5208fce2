import { expect } from "chai";
import { simulateRotation } from "../src/index.ts";

describe("rotations of the ring key", () => {
  it("leave nobody behind, raise no suspicion, and shut a revoked node out", () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const outcome = simulateRotation({ seed, machines: 5 });
      expect(outcome, `seed ${seed}`).to.include({ rotations: 3, suspicions: 0, falseDeaths: 0 });
      expect(outcome.longestMs).to.be.lessThan(10_000);
      expect(outcome.overheard).to.be.greaterThan(100);
    }
  }).timeout(60_000);

  it("leave nobody behind where datagrams are lost", () => {
    for (const seed of [11, 12, 13])
      expect(simulateRotation({ seed, machines: 5, loss: 0.05 }).falseDeaths).to.equal(0);
  }).timeout(60_000);
});

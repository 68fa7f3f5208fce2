import { expect } from "chai";
import { runReplicationHistory } from "../../src/index.ts";
import { replicationMutants } from "./mutants.ts";

/** A few; `nx run simulator:explore-replication` runs as many as wanted. */
const SEEDS = 6;

describe("a directory on several machines", () => {
  it(`loses nothing acknowledged, and comes together again: seeds 1 to ${SEEDS}`, () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation } = runReplicationHistory({ seed, durationS: 20 });
      expect(violation, `seed ${seed}`).to.equal(undefined);
    }
  }).timeout(120_000);

  it("replays from its seed", () => {
    const run = () => runReplicationHistory({ seed: 3, durationS: 10 });
    expect(run()).to.deep.equal(run());
  }).timeout(60_000);

  it("each broken one was noticed by a seed that is known", () => {
    // Hunting for them anew takes minutes: nx run simulator:mutants.
    for (const { name, seed, variation, violation } of replicationMutants) {
      const report = runReplicationHistory({ seed, variation });
      expect(report.violation, name).to.match(violation);
    }
  }).timeout(120_000);
});

import { expect } from "chai";
import { runReplicationHistory } from "../../src/index.ts";
import { replicationMutants } from "./mutants.ts";

const MOST_SEEDS = 200;
const MINUTES = 60_000;
const caught: [string, number, string][] = [];

describe("broken replication is noticed:", () => {
  for (const { name, variation, violation, seed: known } of replicationMutants) {
    it(name, () => {
      const seeds = [known, ...Array.from({ length: MOST_SEEDS }, (_, at) => at + 1)];
      for (const seed of seeds) {
        const report = runReplicationHistory({ seed, variation });
        if (report.violation === undefined || !violation.test(report.violation)) continue;
        caught.push([name, seed, report.violation]);
        return;
      }
      expect.fail(`no history of ${MOST_SEEDS} shows it`);
    }).timeout(20 * MINUTES);
  }

  after(() => {
    const width = Math.max(...replicationMutants.map(({ name }) => name.length));
    for (const [name, seed, reason] of caught)
      console.log(`    ${name.padEnd(width)}  seed ${String(seed).padStart(3)}  ${reason}`);
  });
});

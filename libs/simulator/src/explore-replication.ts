/**
 * Runs many histories of a directory that is kept on several machines:
 *
 *     npx nx run simulator:explore-replication -- --seeds 10000 [--from 1] [--seconds 40]
 *     npx nx run simulator:explore-replication -- --seed 17           that one again, with what happened
 *
 * Prints the seed of each history in which something acknowledged was lost, a directory was a mixture, an epoch went back, or
 * machines did not come together again. Ends with 1 then.
 */
import { parseArgs } from "node:util";
import { runReplicationHistory } from "./replication/history.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "40" },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let acknowledgements = 0;
let takeovers = 0;
let failures = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const report = runReplicationHistory({ seed, durationS: Number(values.seconds) });
  acknowledgements += report.acknowledgements;
  takeovers += report.takeovers;
  if (values.seed !== undefined) console.log(report.trace.join("\n"));
  if (report.violation === undefined) continue;
  failures += 1;
  console.error(`seed ${seed}: ${report.violation}`);
}
console.log(
  `${count} histories of ${values.seconds} s: ${acknowledgements} acknowledged snapshots, ${takeovers} takeovers; ${failures} failed`,
);
process.exitCode = failures === 0 ? 0 : 1;

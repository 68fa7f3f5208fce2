/**
 * Runs many histories of a control plane under autopilot against a model of etcd:
 *
 *     npx nx run simulator:explore-autopilot -- --seeds 10000 [--from 1] [--minutes 30]
 *     npx nx run simulator:explore-autopilot -- --seed 17           that one again, with every change of members
 *
 * Each has so many minutes of bad luck and as many of peace. Prints how many acts there were, and the seed of each history in
 * which an act cost the majority or peace did not mend what was broken. Ends with 1 then.
 */
import { parseArgs } from "node:util";
import { runHistory } from "./control-plane/history.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    minutes: { type: "string", default: "30" },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const minutes = Number(values.minutes);
const acts: Record<string, number> = {};
let crashes = 0;
let failures = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const report = runHistory({ seed, durationS: minutes * 60 });
  crashes += report.crashes;
  for (const [kind, number] of Object.entries(report.acts)) acts[kind] = (acts[kind] ?? 0) + number;
  if (values.seed !== undefined) console.log(report.trace.join("\n"));
  if (report.violations.length === 0) continue;
  failures += 1;
  console.error(`seed ${seed}: ${report.violations.join("; ")}`);
}
const done = Object.entries(acts).map(([kind, number]) => `${kind} ${number}`);
console.log(
  `${count} histories of ${minutes} + ${minutes} minutes, ${crashes} crashes, acts: ${done.join(", ")}; ${failures} failed`,
);
process.exitCode = failures === 0 ? 0 : 1;

/** Runs histories of the control plane under autopilot: `explore-autopilot.ts [--seeds N] [--first SEED] [--minutes M]`. */
import { parseArgs } from "node:util";
import { runHistory } from "./control-plane/history.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10000" },
    first: { type: "string", default: "1" },
    minutes: { type: "string", default: "30" },
    trace: { type: "boolean", default: false },
  },
});
const first = Number(values.first);
const count = Number(values.seeds);
const acts: Record<string, number> = {};
let crashes = 0;
let failures = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const report = runHistory({ seed, durationS: Number(values.minutes) * 60 });
  crashes += report.crashes;
  for (const [kind, number] of Object.entries(report.acts)) acts[kind] = (acts[kind] ?? 0) + number;
  if (values.trace) process.stdout.write(`${report.trace.join("\n")}\n`);
  if (report.violations.length === 0) continue;
  failures += 1;
  process.stdout.write(`seed ${seed}: ${report.violations.join("; ")}\n`);
}
process.stdout.write(
  `${count} histories of ${values.minutes} + ${values.minutes} minutes, ${crashes} crashes, ${failures} failed; acts: ${JSON.stringify(acts)}\n`,
);
process.exitCode = failures === 0 ? 0 : 1;

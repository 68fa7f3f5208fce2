/**
 * Runs many histories and says how fast: `npx nx run simulator:explore -- --seeds 200 --nodes 5`. `--from` is the first
 * seed, `--focus` all, genesis or epochs; with SIM_SEED in the environment just that one is run. Ends with 1 after a history that went wrong.
 */
import { parseArgs } from "node:util";
import { describeError } from "@cluster-os/std";
import type { Focus } from "./faults.ts";
import { simulate } from "./simulation.ts";

const FOCUSES: readonly Focus[] = ["all", "genesis", "epochs"];
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    nodes: { type: "string", default: "5" },
    from: { type: "string", default: "1" },
    focus: { type: "string", default: "all" },
  },
});
const only = process.env["SIM_SEED"];
const first = Number(only ?? values.from);
const count = only === undefined ? Number(values.seeds) : 1;
const machines = Number(values.nodes);
if (![first, count, machines].every((number) => Number.isInteger(number) && number > 0)) {
  throw new RangeError("--seeds, --nodes, --from and SIM_SEED are whole numbers from 1");
}

const focus = FOCUSES.find((name) => name === values.focus);
if (!focus) throw new RangeError(`--focus is one of ${FOCUSES.join(", ")}`);

const begun = performance.now();
const durations: number[] = [];
let failures = 0;
let needsPerson = 0;
let laterEpochs = 0;
for (let seed = first; seed < first + count; seed += 1) {
  try {
    const outcome = simulate({ seed, machines, focus });
    durations.push(outcome.durationMs);
    if (outcome.needsPerson) needsPerson += 1;
    if (outcome.epochs > 1) laterEpochs += 1;
  } catch (error) {
    failures += 1;
    console.error(describeError(error));
    console.error(
      `replay: SIM_SEED=${seed} npx nx run simulator:explore -- --nodes ${machines} --focus ${focus}`,
    );
  }
}
const seconds = (performance.now() - begun) / 1_000;
durations.sort((left, right) => left - right);
const median = (durations[Math.floor(durations.length / 2)] ?? 0) / 1_000;
console.log(
  `${count} histories of ${machines} machines in ${seconds.toFixed(1)} s: ${(count / seconds).toFixed(1)} histories/s, ` +
    `median ${median.toFixed(0)} virtual s; ${laterEpochs} went past epoch 0, ${needsPerson} need a person, ${failures} failed`,
);
process.exitCode = failures > 0 ? 1 : 0;

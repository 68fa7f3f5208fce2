/**
 * Runs many histories of rotations: `npx nx run simulator:rotate -- --seeds 200 --nodes 8 --loss 0.05`. Prints beside them the
 * suspicions in the same histories without a rotation. Ends with 1 after a history that went wrong.
 */
import { parseArgs } from "node:util";
import { describeError } from "@cluster-os/std";
import { simulateRotation, type RotationOutcome } from "./rotation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    nodes: { type: "string", default: "8" },
    loss: { type: "string", default: "0" },
    from: { type: "string", default: "1" },
  },
});
const [count, machines, first] = [values.seeds, values.nodes, values.from].map(Number) as [
  number,
  number,
  number,
];
const loss = Number(values.loss);

const outcomes: RotationOutcome[] = [];
const controls: RotationOutcome[] = [];
let failures = 0;
for (let seed = first; seed < first + count; seed += 1) {
  try {
    outcomes.push(simulateRotation({ seed, machines, loss }));
    controls.push(simulateRotation({ seed, machines, loss, rotates: false }));
  } catch (error) {
    failures += 1;
    console.error(describeError(error));
  }
}
const sum = (all: readonly RotationOutcome[], of: (one: RotationOutcome) => number): number =>
  all.reduce((total, one) => total + of(one), 0);
const longest = outcomes.map(({ longestMs }) => longestMs).sort((left, right) => left - right);
const seconds = (at: number): string =>
  ((longest[Math.floor(at * (longest.length - 1))] ?? 0) / 1_000).toFixed(1);
console.log(
  `${count} histories of ${machines} machines, ${loss * 100} % loss: ${sum(outcomes, (one) => one.rotations)} rotations, ` +
    `longest of a history ${seconds(0.5)} s (median), ${seconds(1)} s (most); ` +
    `suspicions of members that were there ${sum(outcomes, (one) => one.suspicions)} ` +
    `(without rotations ${sum(controls, (one) => one.suspicions)}), false deaths ${sum(outcomes, (one) => one.falseDeaths)} ` +
    `(${sum(controls, (one) => one.falseDeaths)}); ${sum(outcomes, (one) => one.overheard)} messages overheard by revoked nodes, ` +
    `0 opened; ${failures} failed`,
);
process.exitCode = failures > 0 ? 1 : 0;

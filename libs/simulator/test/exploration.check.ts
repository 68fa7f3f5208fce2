import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

/** How many histories of how many machines: minutes on two cores, all together. */
const SHARES = [
  { machines: 5, seeds: 150 },
  { machines: 20, seeds: 20 },
  { machines: 50, seeds: 3 },
] as const;
const DAY_MS = 86_400_000;
/** No two days share a seed, and none is among the first. */
const SEEDS_PER_DAY = 1_000;
const MINUTES = 60_000;

const program = fileURLToPath(new URL("../src/explore.ts", import.meta.url));
const ranges = [
  { name: "the first seeds", from: 1 },
  { name: "the day's seeds", from: Math.floor(Date.now() / DAY_MS) * SEEDS_PER_DAY },
];

describe("histories end well:", () => {
  for (const { name, from } of ranges) {
    for (const { machines, seeds } of SHARES) {
      it(`${machines} machines, ${name}, ${from} to ${from + seeds - 1}`, () => {
        const options = { "--seeds": seeds, "--from": from, "--nodes": machines };
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          ["--conditions=@cluster-os/source", program, ...Object.entries(options).flat().map(String)],
          { encoding: "utf8" },
        );
        console.log(stdout.replace(/^/gm, "      "));
        expect(status, stderr).to.equal(0);
      }).timeout(10 * MINUTES);
    }
  }
});

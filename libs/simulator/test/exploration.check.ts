import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

/**
 * How many histories of how many machines: a minute and a half on two cores, all together and twice. A slow machine goes through fewer:
 * none is begun after so many seconds, which bounds all of them to three minutes.
 */
const SHARES = [
  { machines: 5, seeds: 100, withinS: 30 },
  { machines: 20, seeds: 16, withinS: 30 },
  { machines: 50, seeds: 2, withinS: 15 },
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
    for (const { machines, seeds, withinS } of SHARES) {
      it(`${machines} machines, ${name}, ${from} to ${from + seeds - 1}`, () => {
        const options = { "--seeds": seeds, "--from": from, "--nodes": machines, "--within": withinS };
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

/**
 * How soon members know of each other and of the death of one, and what that costs at rest: the membership that ships beside
 * HashiCorp's serf, as real processes in network namespaces on one bridge, in turns.
 *
 *     make bench-gossip     or: node --conditions=@cluster-os/source bench/src/gossip.ts
 *       [--sizes 5,20,50] [--runs 10] [--rest 30] seconds at rest
 *
 * Each run starts a group anew. Times are from the word to join, and from SIGKILL, to the last member's line that makes it so.
 * Prints Markdown on standard output and progress on standard error. Needs root.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { giveAddress, introduce, layCable, runAlone } from "@cluster-os/lab/cable";
import { serf } from "@cluster-os/tools/parts";
import { addressOf, type Contender } from "./gossip/contender.ts";
import { Group, namespaceOf, type Rest } from "./gossip/group.ts";
import { ours } from "./gossip/ours.ts";
import { COST_HEADERS, costRows, TIME_HEADERS, timeRows, type Score } from "./gossip/rows.ts";
import { Serf } from "./gossip/serf.ts";
import { markdownTable } from "./markdown.ts";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "5,20,50" },
    runs: { type: "string", default: "10" },
    rest: { type: "string", default: "30" },
    /** Given to itself, inside its namespaces: where serf is. */
    serf: { type: "string" },
  },
});
const runs = Number(values.runs);

if (values.serf === undefined) {
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.exitCode = await runAlone([...self, "--serf", await serf()]);
} else {
  await measure(values.sizes.split(",").map(Number), [ours, new Serf(values.serf)]);
}

async function measure(sizes: readonly number[], contenders: readonly Contender[]): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "bench-gossip-"));
  try {
    await layGround(Math.max(...sizes));
    const scores: Score[] = [];
    for (const size of sizes) scores.push(...(await compare(size, contenders, root)));
    const load = loadavg()[0]?.toFixed(1) ?? "?";
    console.log(
      `Linux ${release()}, ${availableParallelism()} cores, load ${load} at the end, ${runs} runs each:\n`,
    );
    console.log(markdownTable(TIME_HEADERS, timeRows(scores)));
    console.log(`Each member, while nothing happens, for ${values.rest} s:\n`);
    console.log(markdownTable(COST_HEADERS, costRows(scores)));
  } finally {
    await rm(root, { recursive: true });
  }
}

async function layGround(size: number): Promise<void> {
  const numbers = Array.from({ length: size }, (_, at) => at + 1);
  await layCable(numbers.map(namespaceOf));
  // The members are told from here.
  await giveAddress("10.0.255.254/16");
  for (const number of numbers) await giveAddress(`${addressOf(number)}/16`, namespaceOf(number));
  await introduce(numbers.map((number) => ({ name: namespaceOf(number), address: addressOf(number) })));
}

/** In turns, so that what else the machine does meets both. */
async function compare(
  size: number,
  contenders: readonly Contender[],
  root: string,
): Promise<readonly Score[]> {
  const times = contenders.map(() => ({ agreeMs: [] as number[], deathKnownMs: [] as number[] }));
  const rests: Rest[] = [];
  for (let run = 1; run <= runs; run += 1) {
    for (const [at, contender] of contenders.entries()) {
      await using group = await Group.start({ contender, size, seed: size * 1_000 + run, root });
      const agreeMs = await group.join();
      if (run === 1) rests[at] = await group.rest(Number(values.rest));
      // Not the one that all joined.
      const deathKnownMs = await group.kill(2 + (run % (size - 1)));
      times[at]?.agreeMs.push(agreeMs);
      times[at]?.deathKnownMs.push(deathKnownMs);
      console.error(
        `${size} of ${contender.name}, run ${run}: ${agreeMs.toFixed(0)} ms, ${deathKnownMs.toFixed(0)} ms`,
      );
    }
  }
  return contenders.flatMap(({ name }, at) => {
    const [own, rest] = [times[at], rests[at]];
    return own && rest ? [{ name, size, ...own, rest }] : [];
  });
}

/**
 * How rightly and how soon members know of each other, by the membership that ships, in virtual time:
 *
 *     make bench-membership     or: node --conditions=@cluster-os/source bench/src/membership.ts
 *       [--seconds 1000000] simulated node-seconds in each cell   [--members 32]
 *       [--rows 1,2,3,4,5,6,7] of that table: a million node-seconds of one row take three threads a quarter of an hour
 *       [--runs 10] [--sizes 20,50,100,300] for the times         [--jobs 2] threads
 *
 * Prints Markdown on standard output and progress on standard error. A seed makes each cell, so the same figures come again.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort } from "node:worker_threads";
import { markdownTable } from "./markdown.ts";
import { MANNERS, WEATHERS } from "./membership/cells.ts";
import { countFalseDeaths, type FalseDeaths } from "./membership/false-deaths.ts";
import { Pool } from "./membership/pool.ts";
import { falseDeathRows, timeRows } from "./membership/rows.ts";
import { measureTimes, type Times } from "./membership/times.ts";

type Task =
  | {
      readonly kind: "deaths";
      readonly weather: number;
      readonly manner: number;
      readonly members: number;
      readonly nodeSeconds: number;
    }
  | { readonly kind: "times"; readonly members: number; readonly seed: number };

const SEED = 1;

if (isMainThread) await bench();
else parentPort?.on("message", (task: Task) => parentPort?.postMessage(run(task)));

function run(task: Task): FalseDeaths | Times {
  if (task.kind === "times") return measureTimes(task.seed, task.members);
  const [weather, manner] = [WEATHERS[task.weather], MANNERS[task.manner]];
  if (!weather || !manner) throw new RangeError("there is no such cell");
  return countFalseDeaths({ ...task, seed: SEED, weather, manner });
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "1000000" },
      members: { type: "string", default: "32" },
      rows: { type: "string", default: WEATHERS.map((_, at) => at + 1).join() },
      runs: { type: "string", default: "10" },
      sizes: { type: "string", default: "20,50,100,300" },
      jobs: { type: "string", default: String(availableParallelism()) },
    },
  });
  const members = Number(values.members);
  const nodeSeconds = Number(values.seconds);
  const runs = Number(values.runs);
  const [rows, sizes] = [numbersIn(values.rows), numbersIn(values.sizes)];
  const stranger = rows.find((row) => !WEATHERS[row - 1]);
  if (stranger !== undefined)
    throw new RangeError(`--rows: there is no row ${stranger}, only 1 to ${WEATHERS.length}`);
  const pool = new Pool(new URL(import.meta.url), Number(values.jobs));
  try {
    if (nodeSeconds > 0)
      await tellFalseDeaths(
        pool,
        rows.map((row) => row - 1),
        members,
        nodeSeconds,
      );
    if (runs > 0) await tellTimes(pool, sizes, runs);
  } finally {
    await pool.end();
  }
}

function numbersIn(list: string): readonly number[] {
  return list
    .split(",")
    .filter((number) => number !== "")
    .map(Number);
}

async function tellFalseDeaths(
  pool: Pool,
  weathers: readonly number[],
  members: number,
  nodeSeconds: number,
): Promise<void> {
  const cells = await Promise.all(
    weathers.map((weather) =>
      Promise.all(
        MANNERS.map((_, manner) =>
          countCell(pool, { kind: "deaths", weather, manner, members, nodeSeconds }),
        ),
      ),
    ),
  );
  console.log(`False deaths in ${nodeSeconds} simulated node-seconds of ${members} members:\n`);
  const headers = ["", ...MANNERS.map(({ name }) => name), "fewer than plain (times)"];
  console.log(
    markdownTable(
      headers,
      falseDeathRows(
        weathers.flatMap((weather) => WEATHERS[weather] ?? []),
        cells,
      ),
    ),
  );
}

/** Tells each cell as soon as it is counted: a run that is cut off was not for nothing. */
async function countCell(pool: Pool, task: Extract<Task, { kind: "deaths" }>): Promise<FalseDeaths> {
  const counted = await pool.run<FalseDeaths>(task);
  const { deaths, verdicts } = counted;
  const names = `${WEATHERS[task.weather]?.name}; ${MANNERS[task.manner]?.name}`;
  console.error(`${names}: ${deaths} false deaths (${verdicts} verdicts)`);
  return counted;
}

async function tellTimes(pool: Pool, sizes: readonly number[], runs: number): Promise<void> {
  const times = await Promise.all(
    sizes.map((size) =>
      Promise.all(
        Array.from({ length: runs }, (_, at) =>
          pool.run<Times>({ kind: "times", members: size, seed: at + 1 }),
        ),
      ),
    ),
  );
  console.log(`In virtual time, ${runs} runs of each size:\n`);
  const headers = [
    "members (1)",
    "agree: median (s)",
    "longest (s)",
    "death known: median (s)",
    "longest (s)",
  ];
  console.log(markdownTable(headers, timeRows(sizes, times)));
}

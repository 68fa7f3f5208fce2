/**
 * Runs many histories and says how fast:
 *
 *     npx nx run simulator:explore -- --seeds 1000 --nodes 50 [--from 1] [--focus all|genesis|epochs] [--jobs 2]
 *       [--within 60]                                              begins no history after so many seconds
 *     npx nx run simulator:explore -- --seed 17 --nodes 50         that one again, with its last events
 *
 * For a history that went wrong: why, its last events, and the seed and commit that replay it exactly. Ends with 1 then.
 * Each job is a thread that runs every so-manieth seed.
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { describeError } from "@cluster-os/std";
import type { Focus } from "./faults.ts";
import type { Outcome } from "./options.ts";
import { simulate } from "./simulation.ts";

interface Share {
  readonly seeds: readonly number[];
  readonly machines: number;
  readonly focus: Focus;
  /** Begins none later, in milliseconds from its start. */
  readonly withinMs: number;
}

type Report =
  { readonly seed: number; readonly outcome: Outcome } | { readonly seed: number; readonly failure: string };

/** Messages are short-lived: with room for many of them they are cleared away seldom. */
const ROOM = { maxYoungGenerationSizeMb: 128 };
const FOCUSES: readonly Focus[] = ["all", "genesis", "epochs"];

if (isMainThread) await explore();
else work(workerData as Share);

function work({ seeds, machines, focus, withinMs }: Share): void {
  const begun = performance.now();
  for (const seed of seeds) {
    if (performance.now() - begun > withinMs) return;
    parentPort?.postMessage(runOne(seed, machines, focus));
  }
}

function runOne(seed: number, machines: number, focus: Focus): Report {
  try {
    return { seed, outcome: simulate({ seed, machines, focus }) };
  } catch (error) {
    return { seed, failure: describeError(error) };
  }
}

async function explore(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "100" },
      nodes: { type: "string", default: "5" },
      from: { type: "string", default: "1" },
      focus: { type: "string", default: "all" },
      jobs: { type: "string", default: String(availableParallelism()) },
      within: { type: "string" },
    },
  });
  const only = values.seed ?? process.env["SIM_SEED"];
  const machines = wholeNumber("--nodes", values.nodes);
  const from = wholeNumber("--seed", only ?? values.from);
  const count = only === undefined ? wholeNumber("--seeds", values.seeds) : 1;
  const jobs = Math.min(count, wholeNumber("--jobs", values.jobs));
  const withinMs = values.within === undefined ? Infinity : 1_000 * wholeNumber("--within", values.within);
  const focus = FOCUSES.find((name) => name === values.focus);
  if (!focus) throw new RangeError(`--focus is one of ${FOCUSES.join(", ")}`);

  const begun = performance.now();
  const reports: Report[] = [];
  const take = (report: Report): void => {
    reports.push(report);
    if ("failure" in report) tellFailure(report, machines, focus);
  };
  const seeds = Array.from({ length: count }, (_, at) => from + at);
  const shares = Array.from({ length: jobs }, (_, job) => seeds.filter((_, at) => at % jobs === job));
  await Promise.all(shares.map((share) => runShare({ seeds: share, machines, focus, withinMs }, take)));
  if (reports.length < count) console.log(`the time was up after ${reports.length} of ${count} seeds`);
  console.log(summary(reports, machines, jobs, (performance.now() - begun) / 1_000));
  process.exitCode = reports.length > 0 && reports.every((report) => "outcome" in report) ? 0 : 1;
}

function runShare(share: Share, take: (report: Report) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share, resourceLimits: ROOM });
    worker.on("message", take);
    worker.on("error", reject);
    worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a job ended with ${code}`))));
  });
}

function tellFailure({ seed, failure }: { seed: number; failure: string }, machines: number, focus: Focus) {
  console.error(failure);
  console.error(
    `replay: npx nx run simulator:explore -- --seed ${seed} --nodes ${machines} --focus ${focus}   (commit ${commit()})\n`,
  );
}

function summary(reports: readonly Report[], machines: number, jobs: number, seconds: number): string {
  const outcomes = reports.flatMap((report) => ("outcome" in report ? [report.outcome] : []));
  const count = (is: (outcome: Outcome) => boolean): number => outcomes.filter(is).length;
  const [durations, convergences] = [
    outcomes.map(({ durationMs }) => durationMs / 1_000),
    outcomes.map(({ convergedMs }) => convergedMs / 1_000),
  ];
  return [
    `${reports.length} histories of ${machines} machines in ${seconds.toFixed(1)} s by ${jobs} jobs: ` +
      `${(reports.length / seconds).toFixed(2)} histories/s`,
    `virtual seconds: median ${quantile(durations, 0.5)}; members agreed after the last fault: ` +
      `median ${quantile(convergences, 0.5)}, 99 % ${quantile(convergences, 0.99)}, longest ${quantile(convergences, 1)}`,
    `${count(({ epochs }) => epochs > 1)} went past epoch 0, ${count(({ clusters }) => clusters > 1)} founded more than one ` +
      `cluster (nobody was told how many to expect), ${count(({ needsPerson }) => needsPerson)} need a person, ` +
      `${reports.length - outcomes.length} failed`,
  ].join("\n");
}

function quantile(values: number[], share: number): string {
  const sorted = [...values].sort((left, right) => left - right);
  return (sorted[Math.ceil(share * (sorted.length - 1))] ?? 0).toFixed(0);
}

function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], {
      encoding: "utf8",
    }).trim();
  } catch {
    return "unknown";
  }
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`${option} is a whole number from 1, not ${text}`);
  return number;
}

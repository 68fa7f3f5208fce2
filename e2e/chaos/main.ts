/**
 * Draws faults by a seed and inflicts them on machines of the lab for some minutes, and checks after each round that nothing is
 * lost: chaos.ts --seed N --minutes N --nodes N [--report FILE]. Ends with 1 at the first thing that was not kept. The machines
 * go down at its end, unless CLUSTER_OS_KEEP_LAB is set.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Lab } from "@cluster-os/lab";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { LAB, must } from "../src/cluster-os.ts";
import { inflict } from "./faults.ts";
import { identityOf, submitJob, violations, whatIsWrong, type Identity } from "./invariants.ts";
import { renderRun, type PlayedRound } from "./report.ts";
import { describeFault, drawRounds, type Round } from "./schedule.ts";
import { NAMESPACE, Writer } from "./writer.ts";

const MINUTE_MS = 60_000;
/** A worker takes a lost server's place within a round now and then. */
const GRACE = "40s";
const WELL_TIMEOUT_MS = 6 * MINUTE_MS;
const STEADY_MS = 20_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "30" },
    nodes: { type: "string", default: "5" },
    report: { type: "string" },
  },
});
const [seed, minutes, machines] = [values.seed, values.minutes, values.nodes].map(Number);
if (!Number.isSafeInteger(seed) || !(Number(minutes) > 0) || !(Number(machines) >= 3))
  throw new Error(
    "chaos.ts --seed N --minutes N --nodes N: a whole number, minutes above 0, and 3 nodes or more",
  );

process.exitCode = await play(seed as number, minutes as number, machines as number);

async function play(seed: number, minutes: number, machines: number): Promise<number> {
  try {
    const rounds = await playRounds({ seed, machines, minutes });
    const { stdout: commit } = await execa("git", ["rev-parse", "--short", "HEAD"], {
      cwd: import.meta.dirname,
    });
    const report = renderRun({ seed, machines, minutes, commit, rounds });
    if (values.report !== undefined) await writeFile(values.report, report);
    console.log(report);
    return rounds.every(({ violations }) => violations.length === 0) ? 0 : 1;
  } finally {
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  }
}

/** Machines on which all is well. */
async function boot(machines: number): Promise<Lab> {
  await must(["down"]);
  say(`${machines} machines boot`);
  await must(["up", "--nodes", String(machines), "--max-servers", "3", "--failed-server-grace", GRACE]);
  await becomeWell(machines);
  await must(["kubectl", "create", "namespace", NAMESPACE]);
  return new Lab({ name: LAB });
}

interface Playing {
  readonly seed: number;
  readonly machines: number;
  readonly minutes: number;
}

async function playRounds({ seed, machines, minutes }: Playing): Promise<readonly PlayedRound[]> {
  const lab = await boot(machines);
  const untilMs = performance.now() + minutes * MINUTE_MS;
  const identity = await identityOf(machines);
  const writer = new Writer(lab);
  const ending = new AbortController();
  const writing = writer.run(ending.signal);
  const jobs: string[] = [];
  const rounds: PlayedRound[] = [];
  try {
    for (const round of drawRounds(seed, machines)) {
      const played = await playRound(round, { lab, identity, writer, jobs });
      rounds.push(played);
      if (performance.now() > untilMs || played.violations.length > 0) break;
    }
  } finally {
    ending.abort();
    await writing;
  }
  return rounds;
}

interface Stage {
  readonly lab: Lab;
  readonly identity: Identity;
  readonly writer: Writer;
  /** Submitted when all was well, and held: each is there for ever. */
  readonly jobs: string[];
}

async function playRound(round: Round, { lab, identity, writer, jobs }: Stage): Promise<PlayedRound> {
  const machines = Object.keys(identity.indexes).length;
  const faults: string[] = [];
  try {
    jobs.push(await submitJob());
    // What SLURM acknowledged is saved by then (docs/failure-modes.md).
    await delay(10_000);
    await hold(lab, round, faults);
    const endedAt = performance.now();
    const wellAfterMs = (await becomeWell(machines)) - endedAt;
    const found = await look(() => violations(lab, identity, { writes: writer.acknowledged, jobs }));
    say(
      `round ${round.number}: well after ${(wellAfterMs / 1000).toFixed(0)} s; ${found.join("; ") || "all kept"}`,
    );
    return { round, faults, writes: writer.take(), wellAfterMs, violations: found };
  } catch (error) {
    say(`round ${round.number}: ${String(error)}`);
    return { round, faults, writes: writer.take(), violations: [String(error)] };
  }
}

/** All faults of a round, and their ends, whatever happens between. */
async function hold(lab: Lab, { number, faults, heldS }: Round, told: string[]): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  try {
    for (const fault of faults) {
      const { isHit, undo } = await inflict(lab, fault);
      ends.unshift(undo);
      told.push(`${describeFault(fault)}${isHit ? "" : " (it does not run there)"}`);
      say(`round ${number}: ${told.at(-1)}`);
    }
    await delay(heldS * 1000);
  } finally {
    const ended = await Promise.allSettled(ends.map((end) => end()));
    for (const one of ended) if (one.status === "rejected") say(`round ${number}: ${String(one.reason)}`);
  }
}

/** Waits until nothing is wrong, for a while: what is lost is noticed after some seconds only. Gives since when; throws with what is wrong. */
async function becomeWell(machines: number): Promise<number> {
  let wrong: string | undefined = "nobody answered";
  let since: number | undefined;
  const isWell = async (): Promise<boolean> => {
    const lookedAt = performance.now();
    wrong = await whatIsWrong(machines).catch((error: unknown) => String(error));
    since = wrong === undefined ? (since ?? lookedAt) : undefined;
    return since !== undefined && performance.now() - since >= STEADY_MS;
  };
  await waitFor(isWell, { what: "the cluster", timeoutMs: WELL_TIMEOUT_MS, everyMs: 2_000 }).catch(() => {
    throw new Error(`not well after ${WELL_TIMEOUT_MS / MINUTE_MS} min: ${wrong}`);
  });
  return since ?? performance.now();
}

/** What a look finds; one that cannot be had is tried again. */
async function look<T>(at: () => Promise<T>): Promise<T> {
  return waitFor(
    () =>
      at().then(
        (found) => ({ found }),
        () => undefined,
      ),
    {
      what: "a look at what was kept",
      timeoutMs: MINUTE_MS,
      everyMs: 2_000,
    },
  ).then(({ found }) => found);
}

function say(what: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`);
}

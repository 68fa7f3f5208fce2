/**
 * Draws faults by a seed and inflicts them on machines of the lab for some minutes, and checks after each round that nothing is
 * lost: chaos.ts --seed N --minutes N --nodes N [--report FILE]. Ends with 1 at the first thing that was not kept; the machines
 * stay then if CLUSTER_OS_KEEP_LAB is set.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Lab } from "@cluster-os/lab";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { LAB, must } from "../src/cluster-os.ts";
import { inflict, type Undo } from "./faults.ts";
import { identityOf, submitJob, violations, whatIsWrong, type Identity } from "./invariants.ts";
import { renderRun, type PlayedRound } from "./report.ts";
import { describeFault, drawRounds, type Round } from "./schedule.ts";
import { NAMESPACE, Writer } from "./writer.ts";

const MINUTE_MS = 60_000;
/** A worker takes a lost server's place within a round now and then. */
const GRACE = "40s";
const WELL_TIMEOUT_MS = 6 * MINUTE_MS;

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
  const lab = new Lab({ name: LAB });
  await must(["down"]);
  say(`${machines} machines boot; seed ${seed}`);
  await must(["up", "--nodes", String(machines), "--max-servers", "3", "--failed-server-grace", GRACE]);
  await becomeWell(machines);
  await must(["kubectl", "create", "namespace", NAMESPACE]);
  const rounds = await playRounds({ lab, seed, machines, untilMs: performance.now() + minutes * MINUTE_MS });
  const { stdout: commit } = await execa("git", ["rev-parse", "--short", "HEAD"], {
    cwd: import.meta.dirname,
  });
  const report = renderRun({ seed, machines, minutes, commit, rounds });
  if (values.report !== undefined) await writeFile(values.report, report);
  console.log(report);
  const isKept = rounds.every(({ violations }) => violations.length === 0);
  if (isKept || process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  return isKept ? 0 : 1;
}

interface Playing {
  readonly lab: Lab;
  readonly seed: number;
  readonly machines: number;
  readonly untilMs: number;
}

async function playRounds({ lab, seed, machines, untilMs }: Playing): Promise<readonly PlayedRound[]> {
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
  jobs.push(await submitJob());
  // What SLURM acknowledged is saved by then (docs/failure-modes.md).
  await delay(10_000);
  const undo: Undo[] = [];
  for (const fault of round.faults) {
    say(`round ${round.number}: ${describeFault(fault)}`);
    undo.unshift(await inflict(lab, fault));
  }
  await delay(round.heldS * 1000);
  for (const one of undo) await one();
  const endedAt = performance.now();
  const trouble = await becomeWell(machines).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (trouble !== undefined) return { round, writes: writer.take(), violations: [trouble] };
  const wellAfterMs = performance.now() - endedAt;
  const found = await violations(lab, identity, { writes: writer.acknowledged, jobs }).catch(
    (error: unknown) => [String(error)],
  );
  say(
    `round ${round.number}: well after ${(wellAfterMs / 1000).toFixed(0)} s; ${found.join("; ") || "all kept"}`,
  );
  return { round, writes: writer.take(), wellAfterMs, violations: found };
}

/** Waits until nothing is wrong. Throws with what still is. */
async function becomeWell(machines: number): Promise<void> {
  let wrong: string | undefined = "nobody answered";
  const isWell = async (): Promise<boolean> => {
    wrong = await whatIsWrong(machines).catch((error: unknown) => String(error));
    return wrong === undefined;
  };
  await waitFor(isWell, { what: "the cluster", timeoutMs: WELL_TIMEOUT_MS, everyMs: 2_000 }).catch(() => {
    throw new Error(`not well after ${WELL_TIMEOUT_MS / MINUTE_MS} min: ${wrong}`);
  });
}

function say(what: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`);
}

import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { MINUTE_MS, timed } from "./scenario.ts";
import { jobState, onMachine, submit, USER } from "./slurm.ts";

const PROGRAM = "/run/slurm-load.py";
const STOP = "/run/slurm-load.stop";
const UNIT = "slurm-load";
/** What was submitted is done by then, though keys were exchanged for minutes. */
const QUEUE_MS = 4 * MINUTE_MS;
/** Each job takes a moment: a queue that is the same for so long stays so. */
const STUCK_MS = MINUTE_MS;
/** What is submitted, by name; see {@link startLoad}. */
const JOBS = "load";

/** Runs commands one after the other, one each `everyMs`, until STOP is there, and then writes down how they ended. */
const SOURCE = `
import collections, json, os, subprocess, sys, time
order = json.loads(sys.argv[1])
ok, failed, errors, at = collections.Counter(), collections.Counter(), [], 0
while not os.path.exists(${JSON.stringify(STOP)}):
    name, argv = order["commands"][at % len(order["commands"])]
    begun, at = time.monotonic(), at + 1
    ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    (failed if ended.returncode else ok)[name] += 1
    if ended.returncode: errors.append(f"{name}: {ended.stderr.strip()[-200:]}")
    time.sleep(max(0, order["everyMs"] / 1000 - (time.monotonic() - begun)))
with open(order["result"] + ".draft", "w") as file: json.dump({"ok": ok, "failed": failed, "errors": errors[:8]}, file)
os.rename(order["result"] + ".draft", order["result"])
`;

export interface LoadResult {
  /** Commands that succeeded and that failed, by name. */
  readonly ok: Readonly<Record<string, number>>;
  readonly failed: Readonly<Record<string, number>>;
  /** The first that failed on each machine, in SLURM's words. */
  readonly errors: readonly string[];
  /** What became of the jobs that were submitted. */
  readonly jobs: {
    readonly submitted: number;
    readonly completed: number;
    /** Those of which SLURM did not hear that they ended. */
    readonly unfinished: number;
  };
}

interface Order {
  readonly result: string;
  readonly everyMs: number;
  readonly commands: readonly (readonly [name: string, argv: readonly string[]])[];
}

/** A load that runs until it is stopped. */
export interface Load {
  stop(): Promise<LoadResult>;
}

/**
 * On every machine two commands a second: each fourth one an `sbatch`, of root or of a declared user, and `sinfo` and `squeue`
 * otherwise, so that three small machines keep up; one batch job with two steps a second, which runs all through; and one `srun` that
 * does. Nothing else runs.
 */
export async function startLoad(machines: readonly Machine[], tag: string): Promise<Load> {
  const name = `${JOBS}-${tag}`;
  const results = { machine: "/run/slurm-load.json", steps: "/tmp/slurm-load-steps.json" };
  const [first] = machines;
  const controlled = first ?? expect.fail("no machine");
  for (const { number } of machines) {
    await onMachine(number, "rm", "--force", STOP, ...Object.values(results));
    await onMachine(number, "python3", "-c", `open("${PROGRAM}", "w").write(${JSON.stringify(SOURCE)})`);
  }
  const steps: Order = { result: results.steps, everyMs: 500, commands: [["step", ["srun", "true"]]] };
  const through = await submit(
    controlled,
    "--nodes=1",
    `--wrap=python3 ${PROGRAM} '${JSON.stringify(steps)}'`,
  );
  const wait = `while [ ! -e ${STOP} ]; do sleep 0.2; done`;
  await unit(controlled, `${UNIT}-srun`, ["srun", "--chdir=/tmp", "--nodes=1", "sh", "-c", wait]);
  await timed("both run", async () => {
    const running = await onMachine(
      controlled.number,
      "squeue",
      "--noheader",
      "--states=RUNNING",
      "--format=%i",
    );
    return running.split("\n").filter((id) => id !== "").length === 2;
  });
  const quiet = ["--parsable", "--chdir=/tmp", "--output=/dev/null", `--job-name=${name}`, "--wrap=true"];
  const asUser = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--init-groups", "--reset-env"];
  const questions: Order["commands"] = [
    ["sinfo", ["sinfo", "--noheader"]],
    ["squeue", ["squeue", "--noheader"]],
    ["sinfo", ["sinfo", "--noheader"]],
  ];
  const commands: Order["commands"] = [
    ["sbatch", ["sbatch", ...quiet]],
    ...questions,
    [`sbatch of ${USER}`, [...asUser, "sbatch", ...quiet]],
    ...questions,
  ];
  const order: Order = { result: results.machine, everyMs: 500, commands };
  for (const machine of machines) await unit(machine, UNIT, ["python3", PROGRAM, JSON.stringify(order)]);
  return { stop: () => stopLoad(machines, { name, through, results }) };
}

interface Running {
  readonly name: string;
  /** The job that runs all through. */
  readonly through: string;
  readonly results: Readonly<Record<"machine" | "steps", string>>;
}

async function stopLoad(
  machines: readonly Machine[],
  { name, through, results }: Running,
): Promise<LoadResult> {
  const controlled = machines[0] ?? expect.fail("no machine");
  for (const { number } of machines) await onMachine(number, "touch", STOP);
  const found: Pick<LoadResult, "ok" | "failed" | "errors">[] = [];
  for (const machine of machines) found.push(await resultOf(machine, results.machine));
  await timed("the job's end", async () => (await jobState(controlled, through)) === "COMPLETED");
  for (const machine of machines)
    if ((await machine.exec(["test", "-e", results.steps])).exitCode === 0)
      found.push(await resultOf(machine, results.steps));
  await timed("the end of srun", async () => {
    const { stdout } = await controlled.exec([
      "systemctl",
      "show",
      "--property=ActiveState,Result",
      `${UNIT}-srun`,
    ]);
    return stdout.includes("ActiveState=inactive") && stdout.includes("Result=success");
  });
  const unfinished = await restOfQueue(controlled);
  const submitted = found.flatMap(({ ok }) =>
    Object.entries(ok).flatMap(([command, count]) => (command.startsWith("sbatch") ? [count] : [])),
  );
  return {
    ok: added(found.map(({ ok }) => ok)),
    failed: added(found.map(({ failed }) => failed)),
    errors: found.flatMap(({ errors }) => errors),
    jobs: { submitted: total(submitted), completed: await completed(machines, name), unfinished },
  };
}

/**
 * Waits until the queue is empty, or does not change any more: of a job whose end was told and not believed, SLURM says for ever that
 * it runs. Cancels what is left, and gives how many that are.
 */
async function restOfQueue({ number }: Machine): Promise<number> {
  let queue: readonly string[] = [];
  let sameSince = performance.now();
  await timed(
    "the end of all jobs",
    async () => {
      const before = queue.join();
      const text = await onMachine(number, "squeue", "--noheader", "--format=%i %T");
      queue = text.split("\n").filter((line) => line !== "");
      if (queue.join() !== before) sameSince = performance.now();
      return queue.length === 0 || performance.now() - sameSince > STUCK_MS;
    },
    QUEUE_MS,
  );
  for (const job of queue) await onMachine(number, "scancel", job.split(" ")[0] ?? "");
  return queue.length;
}

async function resultOf(
  machine: Machine,
  path: string,
): Promise<Pick<LoadResult, "ok" | "failed" | "errors">> {
  let text = "";
  await timed(`what came of it on ${machine.name}`, async () => {
    const { exitCode, stdout } = await machine.exec(["cat", path]);
    text = stdout;
    return exitCode === 0;
  });
  return JSON.parse(text) as LoadResult;
}

/** By the files in which controllers wrote down what ended (jobcomp/filetxt). */
async function completed(machines: readonly Machine[], name: string): Promise<number> {
  const counts = machines.map(async (machine) => {
    const pattern = `Name=${name} JobState=COMPLETED `;
    const { stdout } = await machine.exec(["grep", "--count", pattern, "/var/log/slurm/jobcomp.log"]);
    return Number(stdout.trim() || "0");
  });
  return total(await Promise.all(counts));
}

/** For a person: how many commands and jobs there were, and what failed. */
export function describeLoad({ ok, failed, errors, jobs }: LoadResult): string {
  const counts = `${total(Object.values(ok))} commands succeeded, ${total(Object.values(failed))} failed`;
  const ended = `${jobs.completed} of ${jobs.submitted} jobs completed, ${jobs.unfinished} never ended`;
  return [`${counts}; ${ended}`, ...errors].join("\n          ");
}

async function unit(machine: Machine, name: string, command: readonly string[]): Promise<void> {
  await onMachine(machine.number, "systemd-run", "--quiet", `--unit=${name}`, "--", ...command);
}

function added(all: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * What it costs SLURM that its controller's state is kept on three machines:
 *
 *     make bench-slurm-throughput     or: node --conditions=@cluster-os/source bench/src/slurm-throughput.ts
 *       [--jobs 500] of each run   [--runs 4] of each   [--rest 30] seconds at rest   [--keep]
 *
 * Three machines in a lab of its own. The same slurmctld on the same machine: first kept, as node-agent keeps it; then bare, started
 * by hand with the same configuration, while node-agent leaves SLURM alone on all machines. Each time jobs are submitted from another
 * machine, and others are run. Prints Markdown on standard output and progress on standard error; as root.
 */
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCondition } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { daemonRows, type Daemon, type Usage } from "./daemons.ts";
import { percentile } from "./latencies.ts";
import { markdownTable } from "./markdown.ts";
import { usageOf } from "./observe-daemons.ts";
import { AGENT_UNIT, goBare, KEPT_UNIT } from "./slurm/bare.ts";
import { SlurmLab } from "./slurm/lab.ts";
import { submitHeld, cancelAll } from "./slurm/submit.ts";
import { jobsPerSecond, MANY_AT_A_TIME, submissionsPerSecond } from "./slurm/throughput.ts";

const NAME = "bench";
const NODES = 3;
const WELL_MS = 5 * 60_000;

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "500" },
    runs: { type: "string", default: "4" },
    rest: { type: "string", default: "30" },
    keep: { type: "boolean", default: false },
  },
});
const jobs = Number(values.jobs);
const runs = Number(values.runs);
const restS = Number(values.rest);

/** All in a second. */
interface Speeds {
  /** Submitted one after the other, and many at a time. */
  readonly alone: number;
  readonly submitted: number;
  readonly through: number;
}
const SPEEDS = ["alone", "submitted", "through"] as const satisfies readonly (keyof Speeds)[];
const TITLES: Readonly<Record<keyof Speeds, string>> = {
  alone: "submitted one after the other",
  submitted: `submitted ${MANY_AT_A_TIME} at a time`,
  through: "through",
};

interface Place {
  readonly controller: Machine;
  readonly user: Machine;
}

const lab = new Lab({ name: NAME });
await lab.down();
try {
  await up();
  const slurm = new SlurmLab(lab);
  const machines = await lab.machines();
  const first = await settled(slurm, machines);
  const daemons = await atRestAndInBurst(first);
  const kept = await measure("kept", first.user);
  await goBare(machines, first.controller);
  await takesJobs(first.user);
  const bare = await measure("bare", first.user);
  tell(kept, bare, daemons);
} finally {
  if (!values.keep) await lab.down();
}

async function measure(name: string, user: Machine): Promise<readonly Speeds[]> {
  const found: Speeds[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const speeds = {
      alone: await submissionsPerSecond(user, jobs, 1),
      submitted: await submissionsPerSecond(user, jobs, MANY_AT_A_TIME),
      through: await jobsPerSecond(user, jobs),
    };
    console.error(`${name}, ${run} of ${runs}: ${JSON.stringify(speeds)}`);
    found.push(speeds);
  }
  return found;
}

/** Where the controller runs, once all is well, and a machine beside it. */
async function settled(slurm: SlurmLab, machines: readonly Machine[]): Promise<Place> {
  let node = "";
  const isWell = async (): Promise<boolean> => {
    const { status } = await slurm.cluster();
    node = status?.activeController?.node ?? "";
    return (
      node !== "" &&
      findCondition(status?.conditions, "FailoverReady")?.status === "True" &&
      status?.nodes?.available === NODES
    );
  };
  await waitFor(isWell, { what: "a controller with copies", timeoutMs: WELL_MS, everyMs: 1000 });
  for (const controller of machines)
    if ((await controller.run(["hostname"])).trim() === node) {
      const user = await slurm.machineBeside(controller);
      await takesJobs(user);
      return { controller, user };
    }
  throw new Error(`no machine of the lab is ${node}`);
}

async function takesJobs(user: Machine): Promise<void> {
  const isIdle = async (): Promise<boolean> => {
    const { stdout } = await user.exec(["sinfo", "--noheader", "--Node", "--format=%T"]);
    const states = stdout.trim().split("\n");
    return states.length === NODES && states.every((state) => state === "idle") && (await submitHeld(user));
  };
  await waitFor(isIdle, { what: "all nodes idle", timeoutMs: WELL_MS, everyMs: 1000 });
  await cancelAll(user);
}

interface Daemons {
  readonly rest: readonly Daemon[];
  readonly burst: readonly Daemon[];
  readonly burstS: number;
}

/** What slurmctld and who keeps its state use while nothing happens, and while jobs are submitted. */
async function atRestAndInBurst({ controller, user }: Place): Promise<Daemons> {
  const watched = [
    { machine: controller, role: "the controller's", unit: KEPT_UNIT },
    { machine: controller, role: "the controller's", unit: AGENT_UNIT },
    { machine: user, role: "one with a copy", unit: AGENT_UNIT },
  ];
  const look = (): Promise<readonly Usage[]> =>
    Promise.all(
      watched.map(async ({ machine, unit }) => {
        const usage = await usageOf(machine, unit);
        if (usage === undefined) throw new Error(`${unit} does not run in ${machine.name}`);
        return usage;
      }),
    );
  const between = (before: readonly Usage[], after: readonly Usage[]): readonly Daemon[] =>
    watched.flatMap(({ role, unit }, at) => {
      const [one, other] = [before[at], after[at]];
      return one && other ? [{ machine: role, unit, before: one, after: other }] : [];
    });
  const start = await look();
  await delay(restS * 1000);
  const rested = await look();
  const began = performance.now();
  await submissionsPerSecond(user, jobs, MANY_AT_A_TIME);
  const burstS = (performance.now() - began) / 1000;
  const burst = await look();
  return { rest: between(start, rested), burst: between(rested, burst), burstS };
}

function tell(kept: readonly Speeds[], bare: readonly Speeds[], { rest, burst, burstS }: Daemons): void {
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  console.log(`${NODES} machines in the lab, ${availableParallelism()} cores, load ${load} at the end\n`);
  const headers = [
    "",
    "runs (n)",
    ...SPEEDS.flatMap((speed) => [`${TITLES[speed]}: median (1/s)`, "lowest (1/s)"]),
  ];
  const [keptMedians, bareMedians] = [medians(kept), medians(bare)];
  const ratios = SPEEDS.flatMap((speed) => [(keptMedians[speed] / bareMedians[speed]).toFixed(2), ""]);
  console.log(
    markdownTable(headers, [
      speedRow("kept on three machines", kept),
      speedRow("bare", bare),
      ["kept, of bare", "", ...ratios],
    ]),
  );
  const columns = ["machine", "unit", "PSS (MiB)", "RSS (MiB)", "CPU (% of a core)"];
  console.log(`While nothing happens, for ${restS} s:\n`);
  console.log(markdownTable(columns, daemonRows(rest, restS)));
  console.log(`While ${jobs} jobs are submitted and cancelled, for ${burstS.toFixed(1)} s:\n`);
  console.log(markdownTable(columns, daemonRows(burst, burstS)));
}

function speedRow(name: string, speeds: readonly Speeds[]): readonly string[] {
  const median = medians(speeds);
  const cells = SPEEDS.flatMap((speed) => [
    median[speed].toFixed(1),
    Math.min(...speeds.map((one) => one[speed])).toFixed(1),
  ]);
  return [name, String(speeds.length), ...cells];
}

function medians(speeds: readonly Speeds[]): Speeds {
  const median = (speed: keyof Speeds): number =>
    percentile(
      speeds.map((one) => one[speed]).toSorted((one, other) => one - other),
      0.5,
    );
  return { alone: median("alone"), submitted: median("submitted"), through: median("through") };
}

async function up(): Promise<void> {
  await execa("cluster-os", ["up", "--nodes", String(NODES)], {
    cwd: join(import.meta.dirname, "../.."),
    env: { CLUSTER_OS_LAB: NAME },
    preferLocal: true,
    localDir: join(import.meta.dirname, "../.."),
    stdin: "ignore",
    stdout: process.stderr,
    stderr: "inherit",
  });
}

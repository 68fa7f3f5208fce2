/**
 * How long nobody can submit a job after the machine of SLURM's controller lost its power:
 *
 *     make bench-slurm-failover     or: node --conditions=@cluster-os/source bench/src/slurm-failover.ts
 *       [--runs 10] of each row   [--default-runs 3] of native failover as it comes, which takes minutes   [--keep]
 *
 * Four machines in a lab of its own: three control-plane servers and a worker. The controller is wished onto the worker, then onto a
 * server; each run cuts that machine's power and tries `sbatch` on another one: anew each second, as many users would, and one after the
 * other, as one user would. Then the same with SLURM's own second controller, on four machines without Cluster-OS. Prints Markdown on
 * standard output and progress on standard error; as root.
 */
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCondition } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { markdownTable } from "./markdown.ts";
import { failoverRow, type Failover } from "./slurm/failover.ts";
import { SlurmLab } from "./slurm/lab.ts";
import { DEFAULT_TIMEOUT_S, measureNative } from "./slurm/native.ts";
import { cutPower } from "./slurm/power-cut.ts";
import { cancelAll, submitHeld } from "./slurm/submit.ts";

const NAME = "bench";
const NODES = 4;
const WELL_MS = 5 * 60_000;

/** What a native controller is set to where its users want it to be soon. */
const SHORT_TIMEOUT_S = 10;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10" },
    "default-runs": { type: "string", default: "3" },
    keep: { type: "boolean", default: false },
  },
});
const runs = timesOf("runs", 1);
const defaultRuns = timesOf("default-runs", 0);

const lab = new Lab({ name: NAME });
const rows = await measureOurs();
rows.push(await measureNative("native", SHORT_TIMEOUT_S, runs));
if (defaultRuns > 0) rows.push(await measureNative("native", DEFAULT_TIMEOUT_S, defaultRuns));
const load = loadavg()[0]?.toFixed(1) ?? "?";
console.log(`${NODES} machines in the lab, ${availableParallelism()} cores, load ${load} at the end\n`);
console.log(
  markdownTable(
    [
      "the lost machine was",
      "runs (n)",
      "slurmctld runs: median (s)",
      "a new `sbatch`: median (s)",
      "longest (s)",
      "one begun at the cut, and repeated: median (s)",
      "longest (s)",
    ],
    rows,
  ),
);

async function measureOurs(): Promise<(readonly string[])[]> {
  const rows: (readonly string[])[] = [];
  await lab.down();
  try {
    await up();
    const slurm = new SlurmLab(lab);
    for (const role of ["worker", "server"] as const) {
      const home = await slurm.machineOfRole(role);
      await slurm.prefer(home.node);
      const failovers: Failover[] = [];
      for (let run = 1; run <= runs; run += 1) {
        const failover = await loseController(slurm, home);
        console.error(`${role}, ${run} of ${runs}: ${JSON.stringify(failover)}`);
        failovers.push(failover);
      }
      rows.push(failoverRow(role === "worker" ? "a worker" : "a control-plane server", failovers));
    }
  } finally {
    if (!values.keep) await lab.down();
  }
  return rows;
}

async function loseController(
  slurm: SlurmLab,
  home: { readonly node: string; readonly machine: Machine },
): Promise<Failover> {
  const isWell = async (): Promise<boolean> => {
    const { status } = await slurm.cluster();
    return (
      status?.activeController?.node === home.node &&
      findCondition(status.conditions, "FailoverReady")?.status === "True" &&
      status.nodes?.available === NODES &&
      // The name has to be the new controller's everywhere before it is taken away again.
      (await submitHeld(await slurm.machineBeside(home.machine)))
    );
  };
  await waitFor(isWell, {
    what: `a controller on ${home.node}, with copies`,
    timeoutMs: WELL_MS,
    everyMs: 1000,
  });
  const user = await slurm.machineBeside(home.machine);
  const submit = (): Promise<boolean> => submitHeld(user);
  const { cutAt, ...acknowledged } = await cutPower({ machine: home.machine, submit, timeoutMs: WELL_MS });
  const startedMs = (await slurm.slurmctldStartedAtMs()) - cutAt;
  await cancelAll(user);
  await home.machine.start();
  return { startedMs, ...acknowledged };
}

async function up(): Promise<void> {
  const root = join(import.meta.dirname, "../..");
  await execa("cluster-os", ["up", "--nodes", String(NODES)], {
    cwd: root,
    env: { CLUSTER_OS_LAB: NAME },
    preferLocal: true,
    localDir: root,
    stdin: "ignore",
    stdout: process.stderr,
    stderr: "inherit",
  });
}

function timesOf(option: "runs" | "default-runs", least: number): number {
  const times = Number(values[option]);
  if (Number.isInteger(times) && times >= least) return times;
  throw new Error(`--${option} ${values[option]}: how often is a whole number from ${least} on`);
}

/**
 * How long nobody can submit a job after the machine of SLURM's controller lost its power:
 *
 *     make bench-slurm-failover     or: node --conditions=@cluster-os/source bench/src/slurm-failover.ts [--runs 5] [--keep]
 *
 * Four machines in a lab of its own: three control-plane servers and a worker. The controller is wished onto the worker, then onto a
 * server; each run cuts that machine's power and tries `sbatch` on another one: anew each second, as many users would, and one after the
 * other, as one user would. Prints Markdown on standard output and progress on standard error; as root.
 */
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCondition } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { markdownTable } from "./markdown.ts";
import { failoverRow, type Failover } from "./slurm/failover.ts";
import { SlurmLab } from "./slurm/lab.ts";

const NAME = "bench";
const NODES = 4;
const WELL_MS = 5 * 60_000;

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, keep: { type: "boolean", default: false } },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1)
  throw new Error(`--runs ${values.runs}: how often is a whole number from 1 on`);

const lab = new Lab({ name: NAME });
await lab.down();
try {
  await up();
  const slurm = new SlurmLab(lab);
  const rows: (readonly string[])[] = [];
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
} finally {
  if (!values.keep) await lab.down();
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
      (await slurm.submit(await slurm.machineBeside(home.machine)))
    );
  };
  await waitFor(isWell, {
    what: `a controller on ${home.node}, with copies`,
    timeoutMs: WELL_MS,
    everyMs: 1000,
  });
  const user = await slurm.machineBeside(home.machine);
  const cutAt = monotonicMs();
  await home.machine.kill();
  const repeated = waitFor(() => slurm.submit(user), {
    what: "an acknowledged job",
    timeoutMs: WELL_MS,
    everyMs: 250,
  }).then(() => monotonicMs() - cutAt);
  const [newMs, repeatedMs] = await Promise.all([firstOfMany(slurm, user, cutAt), repeated]);
  const startedMs = (await slurm.slurmctldStartedAtMs()) - cutAt;
  await slurm.cancelAll(user);
  await home.machine.start();
  return { startedMs, newMs, repeatedMs };
}

/** Begins one each second until one is acknowledged: those that began too early wait for long, and keep no later one. */
async function firstOfMany(slurm: SlurmLab, user: Machine, cutAt: number): Promise<number> {
  const tries: Promise<number>[] = [];
  for (;;) {
    tries.push(submitted(slurm, user, cutAt));
    const pause = delay(1000).then(() => undefined);
    const acknowledged = await Promise.race([Promise.any(tries).catch(() => pause), pause]);
    if (acknowledged !== undefined) return acknowledged;
    if (monotonicMs() - cutAt > WELL_MS) throw new Error("no job is acknowledged");
  }
}

/** When it was acknowledged; rejects where it was not. */
async function submitted(slurm: SlurmLab, user: Machine, cutAt: number): Promise<number> {
  if (await slurm.submit(user)) return monotonicMs() - cutAt;
  throw new Error("not acknowledged");
}

/** Of the clock that machines of the lab share with this host. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
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

import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findArtifacts, Lab, type Machine } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import { failoverRow, type Failover } from "./failover.ts";
import { cutPower } from "./power-cut.ts";
import { cancelAll, submitHeld } from "./submit.ts";

/** slurm.conf(5): how long the second controller waits for the first one's answer. */
export const DEFAULT_TIMEOUT_S = 120;

const WELL_MS = 2 * 60_000;
const MACHINES = 4;

/**
 * SLURM as its manual makes it highly available (slurm.conf(5), SlurmctldHost): a second controller on another machine, and a folder
 * that both see, which stands for a file server that never fails. The first controller's machine loses its power in each run.
 * Machines of the lab with Debian's packages and nothing of Cluster-OS.
 */
export async function measureNative(
  name: string,
  timeoutS: number,
  runs: number,
): Promise<readonly string[]> {
  const sharedFolder = await mkdtemp(join(tmpdir(), "slurm-state-"));
  await chmod(sharedFolder, 0o755);
  const lab = new Lab({ name });
  try {
    const machines = await boot(lab, sharedFolder);
    const munge = randomBytes(128);
    for (const machine of machines) await giveFiles(machine, machines, munge, timeoutS);
    for (const machine of machines.slice(0, 1)) await makeFolder(machine, "/mnt/shared/state", "slurm");
    for (const machine of machines) await startSlurm(machine);
    const failovers: Failover[] = [];
    for (let run = 1; run <= runs; run += 1) {
      const failover = await loseFirst(machines, timeoutS);
      console.error(`native, ${timeoutS} s, ${run} of ${runs}: ${JSON.stringify(failover)}`);
      failovers.push(failover);
    }
    return failoverRow(`the first of two native controllers, SlurmctldTimeout=${timeoutS}`, failovers);
  } finally {
    await lab.down();
    await rm(sharedFolder, { recursive: true });
  }
}

async function boot(lab: Lab, sharedFolder: string): Promise<readonly Machine[]> {
  await lab.down();
  const artifacts = await findArtifacts(join(import.meta.dirname, "../../.."), process.env);
  if (artifacts.driver !== "nspawn") throw new Error("emulated machines share no folder");
  const machines = await lab.up({ ...artifacts, debs: [], sharedFolder, nodes: MACHINES, config: "" });
  await Promise.all(machines.map((machine) => machine.waitBooted()));
  return machines;
}

async function loseFirst(machines: readonly Machine[], timeoutS: number): Promise<Failover> {
  const [first, , user] = machines;
  if (first === undefined || user === undefined) throw new Error("the lab has too few machines");
  await waitFor(async () => (await areBothUp(user)) && submitHeld(user), {
    what: "both controllers, of which the first one acts",
    timeoutMs: WELL_MS + timeoutS * 1000,
    everyMs: 1000,
  });
  const timeoutMs = WELL_MS + 4 * timeoutS * 1000;
  const { newMs, repeatedMs } = await cutPower({
    machine: first,
    submit: () => submitHeld(user),
    timeoutMs,
  });
  await cancelAll(user);
  await first.start();
  await first.waitBooted();
  await startSlurm(first);
  return { newMs, repeatedMs };
}

/** The first one acts wherever it is up: the second one gives way to it. */
async function areBothUp(machine: Machine): Promise<boolean> {
  const { stdout } = await machine.exec(["scontrol", "ping"]);
  return /n1 is UP/.test(stdout) && /n2 is UP/.test(stdout);
}

async function giveFiles(
  machine: Machine,
  machines: readonly Machine[],
  munge: Uint8Array,
  timeoutS: number,
): Promise<void> {
  const hosts = machines.map(({ number }) => `${addressOf(number)} n${number}\n`).join("");
  // slurmd asks for the name of 0.0.0.0 at its start.
  await write(machine, "/etc/hosts", `127.0.0.1 localhost\n0.0.0.0 anyaddr\n${hosts}`);
  await write(machine, "/etc/hostname", `n${machine.number}\n`);
  await write(machine, "/etc/slurm/slurm.conf", slurmConf(machines.length, timeoutS));
  await write(machine, "/etc/slurm/cgroup.conf", "CgroupPlugin=disabled\n");
  // The lab's tree comes without folders for logs.
  await makeFolder(machine, "/var/log/munge", "munge");
  await write(machine, "/etc/munge/munge.key", munge, { owner: "munge", mode: "400" });
}

async function makeFolder(machine: Machine, path: string, owner: string): Promise<void> {
  await machine.run(["install", "-d", "-m", "700", "-o", owner, "-g", owner, path]);
}

/** The file is there with its owner and mode before it has its content. */
async function write(
  machine: Machine,
  path: string,
  content: string | Uint8Array,
  { owner = "root", mode = "644" } = {},
): Promise<void> {
  await machine.run(["install", "-D", "-m", mode, "-o", owner, "-g", owner, "/dev/null", path]);
  await machine.run(["dd", "status=none", `of=${path}`], { stdin: Buffer.from(content) });
}

/** After each boot: a machine of the lab has no address of its own. */
async function startSlurm(machine: Machine): Promise<void> {
  await machine.run(["hostname", `n${machine.number}`]);
  await machine.run(["ip", "address", "replace", `${addressOf(machine.number)}/24`, "dev", "eth0"]);
  await machine.run(["systemctl", "restart", "munge"]);
  if (machine.number <= 2) await machine.run(["systemctl", "restart", "slurmctld"]);
  await machine.run(["systemctl", "restart", "slurmd"]);
}

/** What is not about two controllers is as slurm-operator renders it. */
function slurmConf(machines: number, timeoutS: number): string {
  return [
    "ClusterName=native",
    "SlurmctldHost=n1",
    "SlurmctldHost=n2",
    `SlurmctldTimeout=${timeoutS}`,
    "SlurmUser=slurm",
    "AuthType=auth/munge",
    "StateSaveLocation=/mnt/shared/state",
    "SlurmdSpoolDir=/var/lib/slurm/slurmd",
    "SlurmctldPidFile=/run/slurmctld/slurmctld.pid",
    "SlurmdPidFile=/run/slurm/slurmd.pid",
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "JobAcctGatherType=jobacct_gather/linux",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_CPU",
    "ReturnToService=2",
    "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1",
    "SlurmdParameters=config_overrides",
    `NodeName=n[1-${machines}] CPUs=1 State=UNKNOWN`,
    "PartitionName=all Nodes=ALL Default=YES State=UP",
    "",
  ].join("\n");
}

function addressOf(machine: number): string {
  return `10.9.0.${machine}`;
}

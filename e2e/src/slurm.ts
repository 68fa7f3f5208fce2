import type { SlurmClusterObject } from "@cluster-os/api";
import type { Machine } from "@cluster-os/lab";
import { clusterOs, kubectlJson, must } from "./cluster-os.ts";

/** A user of docs/examples/slurmcluster.yaml. */
export const USER = "ada";

export function slurmCluster(): Promise<SlurmClusterObject> {
  return kubectlJson<SlurmClusterObject>("get", "slurmcluster", "default");
}

/** What a command prints on machine `number`; it has to succeed. */
export async function onMachine(number: number, ...command: readonly string[]): Promise<string> {
  return (await must(["shell", `m${number}`, "--", ...command])).trim();
}

/** The same as a user declared in the spec, in their home directory. */
export function asUser(number: number, ...command: readonly string[]): Promise<string> {
  return onMachine(
    number,
    "setpriv",
    `--reuid=${USER}`,
    `--regid=${USER}`,
    "--init-groups",
    "--reset-env",
    ...command,
  );
}

/** Submits a job on a machine, and gives its number. */
export function submit(machine: Machine, ...args: readonly string[]): Promise<string> {
  return onMachine(machine.number, "sbatch", "--parsable", "--chdir=/tmp", ...args);
}

/** SLURM's word for what a job does, asked on a machine; undefined while nobody answers. */
export async function jobState(machine: Machine, id: string): Promise<string | undefined> {
  const { exitCode, stdout } = await clusterOs([
    "shell",
    `m${machine.number}`,
    "--",
    "scontrol",
    "show",
    "job",
    id,
  ]);
  return exitCode === 0 ? /JobState=([A-Z_]+)/.exec(stdout)?.[1] : undefined;
}

/** How many nodes SLURM has, by state; undefined while it does not answer. */
export async function nodeStates(number: number): Promise<Readonly<Record<string, number>> | undefined> {
  const { exitCode, stdout } = await clusterOs([
    "shell",
    `m${number}`,
    "--",
    "sinfo",
    "--noheader",
    "--Node",
    "--format=%N %T",
  ]);
  if (exitCode !== 0) return undefined;
  const nodes = new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
  const counts: Record<string, number> = {};
  for (const state of nodes.values()) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/**
 * Prints slurmctld's process id, and when it began in ticks since boot; fails where it does not run. The one that is meant is
 * the fencer's child: slurmctld has children of its own that bear its name.
 */
export const SLURMCTLD_PROGRAM = [
  "import subprocess",
  "fencer = subprocess.check_output(['pidof', '-s', 'fencer'], text=True).strip()",
  "child = open(f'/proc/{fencer}/task/{fencer}/children').read().split()[0]",
  "print(child, open(f'/proc/{child}/stat').read().rsplit(')', 1)[1].split()[19])",
].join("\n");

export function slurmctld(number: number): Promise<string> {
  return onMachine(number, "python3", "-c", SLURMCTLD_PROGRAM);
}

/** An MPI program that tells who takes part, from one place. */
export const MPI_PROGRAM = [
  "from mpi4py import MPI",
  "import socket",
  "world = MPI.COMM_WORLD",
  "hosts = world.gather(socket.gethostname(), root=0)",
  "total = world.allreduce(world.rank)",
  "if world.rank == 0: print(len(set(hosts)), world.size, total)",
].join("\n");

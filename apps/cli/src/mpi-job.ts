import { waitFor } from "@cluster-os/std/drivers";
import { CommandError, type Context } from "./command.ts";
import type { LabMachine } from "./site.ts";

/** Each process says where it runs, and all of them add up their ranks: 0 + 1 + 2 of three. */
const MPI_PROGRAM = `from mpi4py import MPI
world = MPI.COMM_WORLD
hosts = world.gather(MPI.Get_processor_name())
total = world.allreduce(world.rank)
if world.rank == 0: print(*(f"rank {rank} on {host}" for rank, host in enumerate(hosts)), f"sum {total}", sep="\\n")`;

const SLURM_TIMEOUT_MS = 180_000;
/** Of the job, in minutes. */
const LIMIT_MINUTES = 5;
/** Where every machine has it, whoever asks. */
const FOLDER = "/tmp";

/** Waits until SLURM has all machines, and runs an MPI program with one process on each of them, on this terminal. */
export async function runMpiJob(machines: readonly LabMachine[], context: Context): Promise<void> {
  const [machine] = machines;
  if (machine === undefined) return;
  const count = machines.length;
  await waitFor(async () => (await idleNodes(machine)) === count, {
    what: "SLURM's nodes",
    timeoutMs: SLURM_TIMEOUT_MS,
    everyMs: context.pollMs,
  }).catch((cause: unknown) => {
    throw new CommandError(
      `SLURM did not have all ${count} nodes idle within ${SLURM_TIMEOUT_MS / 1000} s; the cluster runs on`,
      { hint: `${context.program} kubectl describe slurmclusters`, cause },
    );
  });
  const srun = [
    "srun",
    "--mpi=pmix",
    `--nodes=${count}`,
    `--ntasks=${count}`,
    `--chdir=${FOLDER}`,
    `--time=${LIMIT_MINUTES}`,
  ];
  context.stdout.write(`\n$ ${srun.join(" ")} python3 -c '${MPI_PROGRAM}'\n`);
  const exitCode = await machine.run([...srun, "python3", "-c", MPI_PROGRAM]);
  if (exitCode !== 0) {
    throw new CommandError(`the MPI job ended with ${exitCode}; the cluster runs on`, {
      log: `${context.program} logs ${machine.name} --unit slurmd`,
      hint: `${context.program} kubectl describe slurmclusters`,
    });
  }
}

/** How many nodes take jobs and have none; none while SLURM does not answer. */
async function idleNodes(machine: LabMachine): Promise<number> {
  const { exitCode, stdout } = await machine.capture([
    ...["sinfo", "--noheader", "--Node", "--states=idle", "--format=%N"],
  ]);
  return exitCode === 0 ? new Set(stdout.split("\n").filter((line) => line !== "")).size : 0;
}

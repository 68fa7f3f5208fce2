import type { Machine } from "@cluster-os/lab";

/** Whether SLURM took a job on `machine`. It is held: what is measured is not how soon it runs. */
export async function submitHeld(machine: Machine): Promise<boolean> {
  const { exitCode } = await machine.exec(["sbatch", "--parsable", "--hold", "--chdir=/tmp", "--wrap=true"]);
  return exitCode === 0;
}

export async function cancelAll(machine: Machine): Promise<void> {
  await machine.run(["scancel", "--user=root"]);
}

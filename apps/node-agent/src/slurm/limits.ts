import type { SlurmNodeSettings } from "@cluster-os/api";

/**
 * What all jobs of a machine together may use of it, as systemd holds slurmd's unit to it, in which they run: properties of
 * systemd.resource-control(5) as systemctl(1) shows them. `MemoryMax` is in bytes, `AllowedCPUs` a range of logical processors.
 */
export interface JobLimits {
  readonly MemoryMax: string;
  readonly AllowedCPUs: string;
}

/**
 * The last processors of the machine: the first one serves the machine's devices. A set of processors and no quota of time: programs
 * that look how many there are start as many threads, and none of them is paused amid a step that others wait for.
 */
export function jobLimits(
  { cpus, memoryMib }: Pick<SlurmNodeSettings, "cpus" | "memoryMib">,
  processors: number,
): JobLimits {
  const first = Math.max(0, processors - cpus);
  const last = processors - 1;
  return {
    MemoryMax: String(memoryMib * 2 ** 20),
    AllowedCPUs: first === last ? String(last) : `${first}-${last}`,
  };
}

export function isSameLimits(one: JobLimits, other: JobLimits): boolean {
  return one.MemoryMax === other.MemoryMax && one.AllowedCPUs === other.AllowedCPUs;
}

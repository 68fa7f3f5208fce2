import type { SlurmClusterSpec } from "@cluster-os/api";
import type { SlurmNode } from "./nodes.ts";

/** A machine's processors and memory, divided between jobs and pods. */
export interface Share {
  readonly jobs: { readonly cpus: number; readonly memoryMib: number };
  readonly pods: { readonly cpus: number; readonly memoryMib: number };
}

/** Whole processors; jobs have one at least, and pods the rest. The two never add up to more than there is. */
export function shareOf(
  { cpus, memoryMib }: Pick<SlurmNode, "cpus" | "memoryMib">,
  { cpuPercent, memoryPercent }: SlurmClusterSpec["resources"],
): Share {
  const jobs = {
    cpus: Math.max(1, Math.floor((cpus * cpuPercent) / 100)),
    memoryMib: Math.max(1, Math.floor((memoryMib * memoryPercent) / 100)),
  };
  return { jobs, pods: { cpus: cpus - jobs.cpus, memoryMib: Math.max(0, memoryMib - jobs.memoryMib) } };
}

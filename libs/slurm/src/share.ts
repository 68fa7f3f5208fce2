import type { SlurmClusterSpec } from "@cluster-os/api";
import type { SlurmNode } from "./nodes.ts";

/** A machine's processors and memory, divided between jobs and pods. */
export interface Share {
  readonly jobs: { readonly cpus: number; readonly memoryMib: number };
  readonly pods: { readonly cpus: number; readonly memoryMib: number };
}

/** What pods keep whatever jobs may have: the control plane's own are among them. Of memory, three quarters of a small machine at most. */
const PODS_KEEP = { cpus: 1, memoryMib: 2048, memoryPercent: 75 };

/**
 * Whole processors. Pods, and the system, have the rest. The two never add up to more than there is; the only processor of a machine
 * is the jobs', and pods use it as well.
 */
export function shareOf(
  { cpus, memoryMib }: Pick<SlurmNode, "cpus" | "memoryMib">,
  { cpuPercent, memoryPercent }: SlurmClusterSpec["resources"],
): Share {
  const mostMemoryMib =
    memoryMib - Math.min(PODS_KEEP.memoryMib, Math.floor((memoryMib * PODS_KEEP.memoryPercent) / 100));
  const jobs = {
    cpus: atLeastOne(Math.min(Math.floor((cpus * cpuPercent) / 100), cpus - PODS_KEEP.cpus)),
    memoryMib: atLeastOne(Math.min(Math.floor((memoryMib * memoryPercent) / 100), mostMemoryMib)),
  };
  return { jobs, pods: { cpus: cpus - jobs.cpus, memoryMib: Math.max(0, memoryMib - jobs.memoryMib) } };
}

function atLeastOne(amount: number): number {
  return Math.max(1, amount);
}

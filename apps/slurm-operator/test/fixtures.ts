import type { SlurmClusterSpec, SlurmLease, SlurmNodeStatus } from "@cluster-os/api";
import type { Machine } from "../src/plan/machine.ts";

export const NOW = Date.parse("2026-06-01T12:00:00Z");

/** A machine that is well and has key 1, unless told otherwise. */
export function machine(name: string, slurm: SlurmNodeStatus = {}, change: Partial<Machine> = {}): Machine {
  return {
    name,
    address: undefined,
    labels: {},
    isReady: true,
    since: 0,
    isCordoned: false,
    slurm: { keyGenerations: { current: 1 }, ...slurm },
    ...change,
  };
}

/** What a machine reports that has a copy of the state. */
export function copy(epoch: number, sequence: number, running = false): SlurmNodeStatus {
  return { controller: { epoch, running, replica: { epoch, sequence } } };
}

export const POLICY: SlurmClusterSpec["controller"] = { preference: [], replicas: 3, leaseSeconds: 8 };

export function lease(change: Partial<SlurmLease> = {}): SlurmLease {
  return {
    epoch: 4,
    holder: "n-a",
    leaseSeconds: 8,
    replicas: ["n-a", "n-b", "n-c"],
    mayFound: false,
    isReleaseWanted: false,
    ...change,
  };
}

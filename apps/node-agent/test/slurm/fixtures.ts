import {
  readSlurmLease,
  slurmConfigObject,
  slurmKeysObject,
  slurmLeaseObject,
  type SlurmClusterObject,
  type SlurmConfig,
  type SlurmKeys,
  type SlurmLease,
} from "@cluster-os/api";
import type { FencerStatus } from "@cluster-os/fencer";
import type { ReplicationStatus } from "@cluster-os/replication";
import type { Standing, StateObserved } from "../../src/slurm/state.ts";
import type { SlurmObserved } from "../../src/slurm/plan.ts";
import type { SlurmSeen } from "../../src/slurm/wish.ts";

export const ME = { name: "n-aaaaaaaaaa", address: "10.86.0.1", meshNetwork: "10.86.0.0/16" };
export const OTHER = { name: "n-bbbbbbbbbb", address: "10.86.0.2" };
export const THIRD = { name: "n-cccccccccc", address: "10.86.0.3" };
export const NOW_MS = Date.UTC(2026, 0, 1);

export const secret = (byte: number): Uint8Array => new Uint8Array(64).fill(byte);
const key = (generation: number) => ({
  generation,
  secret: secret(generation),
  madeAt: "2026-01-01T00:00:00Z",
});

export function keys(changes: Partial<SlurmKeys> = {}): SlurmKeys {
  return { current: key(1), jwt: secret(99), askedBy: "", revocations: "", ...changes };
}
export const NEXT_KEY = key(2);

export const CONFIG: SlurmConfig = {
  hash: "aaaa",
  files: { "slurm.conf": "ClusterName=cluster\n", "cgroup.conf": "CgroupPlugin=disabled\n" },
  nodes: {
    [ME.name]: { cpus: 2, memoryMib: 1000, features: [] },
    [OTHER.name]: { cpus: 4, memoryMib: 2000, features: ["short"] },
  },
};

/** The same with auth/slurm. */
export const CONFIG_OF_SLURM: SlurmConfig = {
  ...CONFIG,
  hash: "bbbb",
  files: { ...CONFIG.files, "slurm.conf": "ClusterName=cluster\nAuthType=auth/slurm\n" },
};

const LEASE = readSlurmLease({
  metadata: {},
  spec: { holderIdentity: ME.name, leaseDurationSeconds: 8, leaseTransitions: 3 },
}) as SlurmLease;
const REPLICAS = [ME.name, OTHER.name, THIRD.name];

export function lease(changes: Partial<SlurmLease> = {}): SlurmLease {
  return { ...LEASE, replicas: REPLICAS, ...changes };
}

interface Changes {
  readonly keys?: SlurmKeys;
  readonly lease?: SlurmLease;
  readonly auth?: "munge" | "slurm";
  readonly config?: SlurmConfig;
}

/** The API of a cluster of two, whose controller is on this machine. */
export function seen(changes: Changes = {}): SlurmSeen {
  const holder = (changes.lease ?? lease()).holder;
  const cluster: SlurmClusterObject = {
    apiVersion: "cluster-os.dev/v1alpha1",
    kind: "SlurmCluster",
    metadata: { name: "default" },
    spec: { auth: changes.auth ?? "munge" },
    status: {
      activeController: {
        ...(holder !== undefined && {
          node: holder,
          address: holder === ME.name ? ME.address : OTHER.address,
        }),
        epoch: 3,
      },
    },
  };
  return {
    cluster,
    config: slurmConfigObject(
      "default",
      changes.config ?? (changes.auth === "slurm" ? CONFIG_OF_SLURM : CONFIG),
    ),
    keys: slurmKeysObject("default", changes.keys ?? keys()),
    lease: slurmLeaseObject("default", changes.lease ?? lease()),
  };
}

/** A machine on which SLURM was just installed. */
export const BARE: SlurmObserved = {
  keyFiles: {},
  jwks: {},
  hosts: "127.0.0.1 localhost\n",
  units: { "munge.service": "inactive", "slurmd.service": "inactive" },
  limits: { MemoryMax: "infinity", AllowedCPUs: "" },
  processors: 4,
  accounts: [],
};

export function fencer(changes: Partial<FencerStatus> = {}): FencerStatus {
  return {
    version: 1,
    state: "running",
    epoch: 3,
    pid: 77,
    deadlineMs: 10_000,
    nowMs: 5000,
    starts: 1,
    lastExit: { code: 0, signal: 0 },
    ...changes,
  };
}

/** This machine's copy of the controller's state, as it stands in epoch 3. */
export function copy(standing: Standing, changes: Partial<ReplicationStatus> = {}): StateObserved {
  if (standing === "closed") return { kind: "closed", isKept: true };
  const promised = { outvoted: 4, follows: 2, led: 3, "takes-over": 3, leads: 3 }[standing];
  const position = { epoch: Math.min(promised, standing === "takes-over" ? 2 : 3), sequence: 41 };
  const role =
    standing === "leads"
      ? ({ kind: "leader", epoch: 3 } as const)
      : standing === "takes-over"
        ? ({ kind: "candidate", epoch: 3, waitingFor: "a majority" } as const)
        : ({ kind: "follower" } as const);
  const report = { replica: ME.name, promised, position, replicas: [ME.name, OTHER.name, THIRD.name] };
  return { kind: "open", status: { role, report, ...changes }, wished: report.replicas };
}

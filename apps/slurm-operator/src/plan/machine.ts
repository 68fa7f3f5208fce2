import { findCondition, type ClusterNodeObject, type SlurmNodeStatus } from "@cluster-os/api";

/** One machine that may take part, as the API shows it. */
export interface Machine {
  readonly name: string;
  readonly address: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Its node-agent renews its lease, and all else of it is in order. */
  readonly isReady: boolean;
  /** Since when that is so or not so, in milliseconds of the wall clock; 0 where nobody said. */
  readonly since: number;
  /** A person, or Kubernetes, wants no new work on it. */
  readonly isCordoned: boolean;
  /** What it reports of SLURM. */
  readonly slurm: SlurmNodeStatus | undefined;
}

export function machineOf(node: ClusterNodeObject, isCordoned: boolean): Machine {
  const { metadata, spec, status } = node;
  const ready = findCondition(status?.conditions, "Ready");
  const isLeaving = metadata.deletionTimestamp !== undefined || spec?.admission === "Revoked";
  return {
    name: metadata.name,
    address: status?.addresses?.find(({ type }) => type === "Mesh")?.address,
    labels: spec?.labels ?? {},
    isReady: ready?.status === "True" && !isLeaving,
    since: ready ? Date.parse(ready.lastTransitionTime) : 0,
    isCordoned: isCordoned || spec?.unschedulable === true,
    slurm: status?.slurm,
  };
}

export function hasLabels({ labels }: Machine, wanted: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

import type { ClusterNodeObject, SlurmClusterSpec } from "@cluster-os/api";
import { compareText } from "@cluster-os/std";

/** A graphics processor as ClusterNodes report it. */
export interface SlurmGpu {
  /** PCI address: their order is that of the device files. */
  readonly address: string;
  readonly vendor: "NVIDIA" | "AMD" | "Intel";
  readonly driver?: string;
}

/** What of a machine SLURM is told. */
export interface SlurmNode {
  readonly name: string;
  /** From the spec of its ClusterNode. */
  readonly labels: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly gpus: readonly SlurmGpu[];
}

const KIB: Readonly<Record<string, number>> = { "": 1 / 1024, Ki: 1, Mi: 1024, Gi: 1024 ** 2, Ti: 1024 ** 3 };

/** The part of a ClusterNode that matters here; undefined until its machine has reported what it has. */
export function slurmNodeOf({ metadata, spec, status }: ClusterNodeObject): SlurmNode | undefined {
  const capabilities = status?.capabilities;
  if (capabilities === undefined || capabilities.cpu < 1) return undefined;
  const [, amount = "0", unit = ""] = /^([0-9]+)(Ki|Mi|Gi|Ti)?$/.exec(capabilities.memory) ?? [];
  return {
    name: metadata.name,
    labels: spec?.labels ?? {},
    cpus: capabilities.cpu,
    memoryMib: Math.floor((Number(amount) * (KIB[unit] ?? 0)) / 1024),
    gpus: (capabilities.gpuDevices ?? []).map(({ address, vendor, driver }) => ({
      address,
      vendor,
      ...(driver !== undefined && { driver }),
    })),
  };
}

/** Those that have all of the labels, sorted by name; all, where none are asked for. */
export function selectNodes(
  nodes: readonly SlurmNode[],
  labels: SlurmClusterSpec["nodeLabels"] = {},
): readonly SlurmNode[] {
  return nodes
    .filter((node) => Object.entries(labels).every(([name, value]) => node.labels[name] === value))
    .toSorted((one, other) => compareText(one.name, other.name));
}

import type { ClusterNodeObject } from "@cluster-os/api";
import type { Node } from "@cluster-os/kube";

/** What of a ClusterNode is looked at here: not its mesh, disks and links, which are most of it. */
export function keepOfClusterNode({ status, ...object }: ClusterNodeObject): ClusterNodeObject {
  if (status === undefined) return object;
  const { capabilities, addresses, slurm, conditions } = status;
  const { cpu, memory, gpus, gpuDevices } = capabilities ?? {};
  return {
    ...object,
    status: {
      ...(cpu !== undefined && memory !== undefined && gpus !== undefined
        ? { capabilities: { cpu, memory, gpus, ...(gpuDevices && { gpuDevices }) } }
        : {}),
      ...(addresses && { addresses: addresses.filter(({ type }) => type === "Mesh") }),
      ...(slurm && { slurm }),
      ...(conditions && { conditions: conditions.filter(({ type }) => type === "Ready") }),
    },
  };
}

/** What of a Kubernetes Node is looked at here: whether it is cordoned. */
export function keepOfNode({ apiVersion, kind, metadata, spec }: Node): Node {
  return { apiVersion, kind, metadata, ...(spec?.unschedulable && { spec: { unschedulable: true } }) };
}

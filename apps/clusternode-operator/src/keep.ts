import type { ClusterNodeObject } from "@cluster-os/api";
import type { Node } from "@cluster-os/kube";

/**
 * What of a ClusterNode is looked at here. The rest - hardware, addresses, the mesh - is most of it, and of a thousand
 * machines more than fits in the operator's memory.
 */
export function keepOfClusterNode({ status, ...object }: ClusterNodeObject): ClusterNodeObject {
  if (status === undefined) return object;
  const { roles, conditions } = status;
  return {
    ...object,
    status: { ...(roles !== undefined && { roles }), ...(conditions !== undefined && { conditions }) },
  };
}

/** What of a Kubernetes Node is looked at here: not what its kubelet reports. */
export function keepOfNode({ apiVersion, kind, metadata, spec }: Node): Node {
  return { apiVersion, kind, metadata, ...(spec !== undefined && { spec }) };
}

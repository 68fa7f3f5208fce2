import { CLUSTER_NODE_API_VERSION, ClusterNode, type ClusterNodeObject } from "../resources/cluster-node.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { APPLIED_AT_ANNOTATION, MANAGED_BY, NODE_ID_ANNOTATION, PENDING_LABEL } from "./names.ts";

/** The ClusterNode of a machine that waits for a person. It has no rights and no Lease: it is a question. */
export function pendingNodeObject(
  nodeName: string,
  nodeId: string,
  appliedAt: string,
): ClusterNodeObject & PlainObject {
  return {
    apiVersion: CLUSTER_NODE_API_VERSION,
    kind: ClusterNode.kind,
    metadata: {
      name: nodeName,
      labels: { ...MANAGED_BY, [PENDING_LABEL]: "true" },
      annotations: { [NODE_ID_ANNOTATION]: nodeId, [APPLIED_AT_ANNOTATION]: appliedAt },
    },
    spec: {},
  };
}

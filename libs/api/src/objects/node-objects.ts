import { CLUSTER_NODE_API_VERSION, ClusterNode, type ClusterNodeObject } from "../resources/cluster-node.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import {
  agentLeaseName,
  CLUSTER_NODE_FINALIZER,
  INDEX_LABEL,
  MANAGED_BY,
  NAMESPACE,
  NODE_ID_LABEL,
  nodeIdLabel,
  nodeIndexName,
  RESTING_LABEL,
  RESTING_SINCE_ANNOTATION,
} from "./names.ts";

/** Seconds after its last renewal at which a node's Lease has expired. */
export const AGENT_LEASE_SECONDS = 15;

/**
 * The ClusterNode of an admitted node, before anybody reported on it. It has its finalizer from the start: one that is
 * deleted at once takes its other objects along, too.
 */
export function clusterNodeObject(nodeName: string): ClusterNodeObject & PlainObject {
  return {
    apiVersion: CLUSTER_NODE_API_VERSION,
    kind: ClusterNode.kind,
    metadata: { name: nodeName, labels: MANAGED_BY, finalizers: [CLUSTER_NODE_FINALIZER] },
    spec: {},
  };
}

/** The Lease by which a node's agent shows that it is alive. Made for it, so that it needs no right to make any. */
export function nodeLeaseObject(nodeName: string): PlainObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: agentLeaseName(nodeName), namespace: NAMESPACE, labels: MANAGED_BY },
    spec: { holderIdentity: nodeName, leaseDurationSeconds: AGENT_LEASE_SECONDS },
  };
}

/**
 * Takes an index for a node: creating an object is atomic, so the name goes to one node only (design D4). Immutable, so
 * that nobody takes it over by an update.
 */
export function nodeIndexObject(index: number, nodeId: string): PlainObject {
  const labels = { ...MANAGED_BY, [INDEX_LABEL]: String(index), [NODE_ID_LABEL]: nodeIdLabel(nodeId) };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: nodeIndexName(index), namespace: NAMESPACE, labels },
    data: { nodeID: nodeId },
    immutable: true,
  };
}

/** For an index whose node was removed: machines may still send to its addresses, so nobody else gets it for now. */
export function restingPatch(nowIso: string) {
  return {
    metadata: {
      labels: { [RESTING_LABEL]: "true" },
      annotations: { [RESTING_SINCE_ANNOTATION]: nowIso },
    },
  };
}

/** Namespace of everything of Cluster-OS that is not cluster-scoped. */
export const NAMESPACE = "cluster-os";

/** The servers' bootstrap: group of their client certificates. */
export const SERVERS_GROUP = "cluster-os:servers";

/** Group of every node-agent's client certificate. It has no rights of its own: those are per user. */
export const AGENTS_GROUP = "cluster-os:node-agents";

/** The Kubernetes user that node-agent of a node is. */
export function agentUser(nodeName: string): string {
  return `cluster-os:node:${nodeName}`;
}

/** The Kubernetes user that bootstrap of a server is. */
export function serverUser(nodeName: string): string {
  return `cluster-os:server:${nodeName}`;
}

/** Name of the Lease that node-agent of a node renews. */
export function agentLeaseName(nodeName: string): string {
  return `node-${nodeName}`;
}

/** Name of the object that stands for a taken index. */
export function nodeIndexName(index: number): string {
  return `node-index-${index}`;
}

/** Label with the beginning of a node ID: a label is too short for all of it, and the beginning is enough to find it by. */
export const NODE_ID_LABEL = "cluster-os.dev/node-id";

/** Label with a node's index. */
export const INDEX_LABEL = "cluster-os.dev/index";

/** The label's value for a node ID: its first 32 hexadecimal digits. */
export function nodeIdLabel(nodeId: string): string {
  return nodeId.replace(/^ed25519:/, "").slice(0, 32);
}

/** On everything we make, as Kubernetes recommends. */
export const MANAGED_BY: Readonly<Record<string, string>> = { "app.kubernetes.io/managed-by": "cluster-os" };

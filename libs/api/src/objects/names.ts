/** Namespace of everything of Cluster-OS that is not cluster-scoped. */
export const NAMESPACE = "cluster-os";

/** The servers' bootstrap: group of their client certificates. */
export const SERVERS_GROUP = "cluster-os:servers";

/** Group of every node-agent's client certificate. It has no rights of its own: those are per user. */
export const AGENTS_GROUP = "cluster-os:node-agents";

/** Name of the operator's Deployment, service account and Lease. */
export const OPERATOR_NAME = "clusternode-operator";

/** The Kubernetes user that the operator is. */
export const OPERATOR_USER = `system:serviceaccount:${NAMESPACE}:${OPERATOR_NAME}`;

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

/** The node whose agent renews the Lease of this name; undefined if it is another kind of Lease. */
export function nodeOfAgentLease(leaseName: string): string | undefined {
  return leaseName.startsWith("node-") ? leaseName.slice("node-".length) : undefined;
}

/** Name of the object that stands for a taken index. */
export function nodeIndexName(index: number): string {
  return `node-index-${index}`;
}

/** Holds back the deletion of a ClusterNode until the operator has cleaned up the machine's other objects. */
export const CLUSTER_NODE_FINALIZER = "cluster-os.dev/clusternode";

/** Name of the object that says who runs the control plane. */
export const ROLES_OBJECT = "control-plane-roles";

/** Annotation of that object by which a person stops autopilot; its value is the reason. */
export const AUTOPILOT_PAUSE_ANNOTATION = "cluster-os.dev/autopilot-pause";

/** Name of the object that says which Kubernetes the cluster is to run, and how far that is. */
export const UPGRADE_OBJECT = "kubernetes-upgrade";

/**
 * Label of the ClusterNode of a machine that a person wants without the control plane, as before its maintenance:
 * `when-replaced`, or `anyway` even if nobody could take its place.
 */
export const RETIRING_LABEL = "cluster-os.dev/retiring";

/** The same words among the roles that a machine tells of itself while it leaves the cluster. */
export const RETIRING_ROLES = { "when-replaced": "retiring", anyway: "retiring-anyway" } as const;
export type Retiring = keyof typeof RETIRING_ROLES;

/** Label with the beginning of a node ID: a label is too short for all of it, and the beginning is enough to find it by. */
export const NODE_ID_LABEL = "cluster-os.dev/node-id";

/** Label with a node's index. */
export const INDEX_LABEL = "cluster-os.dev/index";

/**
 * Label of an index object whose node was removed. The index is not given to another node for now, since machines may
 * still send to its addresses; and the node gets no objects again.
 */
export const RESTING_LABEL = "cluster-os.dev/resting";

/** Annotation of such an object: since when, in RFC 3339. */
export const RESTING_SINCE_ANNOTATION = "cluster-os.dev/resting-since";

/** Label of the object that says that a node is revoked; its value is the node's name. */
export const REVOKED_LABEL = "cluster-os.dev/revoked";

/** Name of that object: there is one for each node at most. */
export function revocationName(nodeName: string): string {
  return `node-revoked-${nodeName}`;
}

/**
 * Annotation of that object, of a node that was a server: when the keys that it had were replaced, in RFC 3339. Until a
 * person writes it, the other servers have the condition RootKeysExposed.
 */
export const KEYS_REPLACED_ANNOTATION = "cluster-os.dev/root-keys-replaced";

/** Label of the ClusterNode of a machine that waits for a person to approve it. */
export const PENDING_LABEL = "cluster-os.dev/pending";

/** Annotations of such a ClusterNode: the machine's public key, and when it last applied, in RFC 3339. */
export const NODE_ID_ANNOTATION = "cluster-os.dev/node-id";
export const APPLIED_AT_ANNOTATION = "cluster-os.dev/applied-at";

/** Label of a Secret that holds a join key of the cluster; its value is the key's number. */
export const JOIN_KEY_LABEL = "cluster-os.dev/join-key";

/** Name of that Secret. */
export function joinKeyName(sequence: number): string {
  return `join-key-${sequence}`;
}

/** Label of what belongs to the audit log. */
export const AUDIT_LABEL = "cluster-os.dev/audit";

/** Name of the object that holds an entry of the audit log. */
export function auditName(sequence: number): string {
  return `audit-${String(sequence).padStart(10, "0")}`;
}

/** The Kubernetes user that the kubelet of a node is. */
export function kubeletUser(nodeName: string): string {
  return `system:node:${nodeName}`;
}

/** The label's value for a node ID: its first 32 hexadecimal digits. */
export function nodeIdLabel(nodeId: string): string {
  return nodeId.replace(/^ed25519:/, "").slice(0, 32);
}

/** On everything we make, as Kubernetes recommends. */
export const MANAGED_BY: Readonly<Record<string, string>> = { "app.kubernetes.io/managed-by": "cluster-os" };

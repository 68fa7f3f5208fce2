import type { NodeId } from "@cluster-os/identity";

/** What was begun on this machine, as its disk says: written before an act starts, and again when it is through. */
export interface ActRecord {
  readonly act: "init-server" | "join-server" | "join-worker";
  /** The initialiser epoch the act belongs to. What was begun under an older epoch is void. */
  readonly epoch: number;
  readonly isComplete: boolean;
}

export interface KubernetesObserved {
  readonly self: NodeId;
  /** Whether this machine is a member and its mesh interface is up: nothing of Kubernetes starts before. */
  readonly isReachable: boolean;
  /** Nodes elected to run the control plane. */
  readonly servers: readonly NodeId[];
  /** Under which epoch Kubernetes is being made, and who initialises it. */
  readonly epoch: number;
  readonly initialiser: NodeId | undefined;
  /** Whether a majority of the servers has joined: from then on the epoch never changes. */
  readonly isEstablished: boolean;
  readonly record: ActRecord | undefined;
  /** Live servers that say their API server answers, under this very epoch, lowest index first. */
  readonly readyServers: readonly NodeId[];
}

export type KubernetesAction =
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "reset"; readonly reason: string }
  | { readonly kind: "init-server"; readonly epoch: number }
  | { readonly kind: "join-server"; readonly epoch: number; readonly from: NodeId }
  | { readonly kind: "join-worker"; readonly epoch: number; readonly from: NodeId }
  | { readonly kind: "serve" };

/**
 * The one next act on this machine. It needs no memory but the act record: whatever was interrupted is wiped and begun
 * again, because kubeadm does not resume half of an init or a join.
 */
export function planKubernetes(observed: KubernetesObserved): KubernetesAction {
  const { record } = observed;
  if (!observed.isReachable) return { kind: "wait", reason: "the mesh is not up yet" };
  if (record && record.epoch < observed.epoch) {
    return {
      kind: "reset",
      reason: `epoch ${observed.epoch} replaced epoch ${record.epoch}, under which it was begun`,
    };
  }
  if (record?.isComplete) return { kind: "serve" };
  if (record) return { kind: "reset", reason: `the last ${record.act} did not get through` };
  const isServer = observed.servers.includes(observed.self);
  // Once established there is a cluster to join, so nobody initialises a second one, not even the initialiser.
  if (isServer && observed.initialiser === observed.self && !observed.isEstablished) {
    return { kind: "init-server", epoch: observed.epoch };
  }
  if (!isServer && !observed.isEstablished)
    return { kind: "wait", reason: "a majority of the servers has not joined yet" };
  const from = observed.readyServers[0];
  if (from === undefined) return { kind: "wait", reason: "no server answers yet" };
  return { kind: isServer ? "join-server" : "join-worker", epoch: observed.epoch, from };
}

import type { NodeId } from "@cluster-os/identity";
import type { RestoreRequest } from "@cluster-os/kubernetes";

/** Acts by which a machine begins as something of Kubernetes; what is cut off is wiped and begun anew. */
export type FirstAct = "init-server" | "join-server" | "join-worker";

/** Acts by which it changes its role in place; what is cut off is set aside, and the machine is a worker again. */
export type RoleAct = "promote" | "demote" | "set-aside";

/** What was begun on this machine, as its disk says: written before an act starts, and again when it is through. */
export interface ActRecord {
  readonly act: FirstAct | RoleAct | "restore";
  /** The initialiser epoch the act belongs to. What was begun under an older epoch is void. */
  readonly epoch: number;
  /** The epoch of the roles by which it was done; 0 for those of genesis. */
  readonly rolesEpoch: number;
  readonly isComplete: boolean;
  /** Of a restoration: what and from where. */
  readonly restore?: RestoreRequest | undefined;
}

export interface KubernetesObserved {
  readonly self: NodeId;
  /** Whether this machine is a member and its mesh interface is up: nothing of Kubernetes starts before. */
  readonly isReachable: boolean;
  /** Nodes that are to run the control plane. */
  readonly servers: readonly NodeId[];
  /** Which decision that is. */
  readonly rolesEpoch: number;
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
  /** `mayVote`: etcd may count on it already, and has to forget it first. */
  | { readonly kind: "reset"; readonly reason: string; readonly mayVote: boolean }
  | { readonly kind: "init-server"; readonly epoch: number }
  | { readonly kind: "join-server"; readonly epoch: number; readonly from: NodeId }
  | { readonly kind: "join-worker"; readonly epoch: number; readonly from: NodeId }
  | { readonly kind: "promote"; readonly epoch: number; readonly from: NodeId }
  /** This machine serves, and is to serve no more: ask `from` how. */
  | { readonly kind: "step-down"; readonly epoch: number; readonly from: NodeId }
  /** A change of role was cut off: finish it if it is as good as through, else ask `from` for leave to take it back. */
  | {
      readonly kind: "recover";
      readonly act: RoleAct;
      readonly epoch: number;
      readonly from: NodeId | undefined;
    }
  /** etcd begins anew on this machine alone, as a person asked for. */
  | { readonly kind: "restore"; readonly epoch: number; readonly request: RestoreRequest }
  | { readonly kind: "serve" };

/** What an act makes of a machine once it is through. */
export function roleAfter(act: ActRecord["act"]): "server" | "worker" {
  switch (act) {
    case "init-server":
    case "join-server":
    case "promote":
    case "restore":
      return "server";
    case "join-worker":
    case "demote":
    case "set-aside":
      return "worker";
    default:
      return act satisfies never;
  }
}

/**
 * The one next act on this machine. It needs no memory but the act record. A first act that was interrupted is wiped and
 * begun again, because kubeadm does not resume half of an init or a join; a change of role is taken back, so that the pods
 * go on.
 */
export function planKubernetes(observed: KubernetesObserved): KubernetesAction {
  const { record } = observed;
  if (!observed.isReachable) return { kind: "wait", reason: "the mesh is not up yet" };
  if (record && record.epoch < observed.epoch) {
    return {
      kind: "reset",
      reason: `epoch ${observed.epoch} replaced epoch ${record.epoch}, under which it was begun`,
      // Nobody is to go on with that cluster.
      mayVote: false,
    };
  }
  if (!record) return planFirstAct(observed);
  if (record.isComplete) return planRole(observed, record);
  const { act, restore } = record;
  // Nobody else can help, and half of it is no control plane.
  if (act === "restore" && restore) return { kind: "restore", epoch: record.epoch, request: restore };
  if (act === "promote" || act === "demote" || act === "set-aside") {
    return { kind: "recover", act, epoch: record.epoch, from: helper(observed) };
  }
  return {
    kind: "reset",
    reason: `the last ${act} did not get through`,
    mayVote: act === "join-server",
  };
}

function planFirstAct(observed: KubernetesObserved): KubernetesAction {
  const isServer = observed.servers.includes(observed.self);
  // Once established there is a cluster to join, so nobody initialises a second one, not even the initialiser.
  if (isServer && observed.initialiser === observed.self && !observed.isEstablished) {
    return { kind: "init-server", epoch: observed.epoch };
  }
  if (!isServer && !observed.isEstablished)
    return { kind: "wait", reason: "a majority of the servers has not joined yet" };
  const from = helper(observed);
  if (from === undefined) return { kind: "wait", reason: "no server answers yet" };
  return { kind: isServer ? "join-server" : "join-worker", epoch: observed.epoch, from };
}

/** A machine that is whole follows the roles; while nobody can help it, it goes on as what it is. */
function planRole(observed: KubernetesObserved, record: ActRecord): KubernetesAction {
  const { epoch } = record;
  const wanted = observed.servers.includes(observed.self) ? "server" : "worker";
  const from = helper(observed);
  if (roleAfter(record.act) === wanted || !observed.isEstablished || from === undefined)
    return { kind: "serve" };
  return { kind: wanted === "server" ? "promote" : "step-down", epoch, from };
}

/** Another server that answers. */
function helper({ readyServers, self }: KubernetesObserved): NodeId | undefined {
  return readyServers.find((server) => server !== self);
}

import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";

/** An admitted machine that has not left, as its fellow members know it. */
export interface AutopilotNode {
  readonly nodeId: NodeId;
  /** Its index: of equals, the lower serves first. */
  readonly rank: number;
  /** Where it stands, if that was said: machines of one zone are expected to fail together. */
  readonly zone?: string;
  readonly isAlive: boolean;
  /** Whether its Kubernetes works. */
  readonly isReady: boolean;
  /** Since when it has been neither failed nor without Kubernetes; undefined while it is either. */
  readonly wellSince?: Instant;
  /** Since when its fellow members take it for failed; undefined while they do not. */
  readonly failedSince?: Instant;
  /** Whether it is wanted without the control plane: it is drained, or about to leave. */
  readonly isRetiring: boolean;
  /** Whether it may go although nobody could take its place: a person said so. */
  readonly mayReduce?: boolean;
  /** Whether its Kubernetes is of an older minor version than the servers': it could not join them. */
  readonly isOutdated?: boolean;
  /** How often it was to become a server and did not get there. */
  readonly setbacks: number;
}

/** A member of etcd by etcd's own word. */
export interface AutopilotVoter {
  readonly nodeId: NodeId;
  readonly isLearner: boolean;
  /** Whether it answers and knows a leader. */
  readonly isHealthy: boolean;
  /** Since when that is so. */
  readonly since: Instant;
}

export interface AutopilotPolicy {
  /** The most voters, whatever the cluster's size: 1, 3 or 5. */
  readonly maxVoters: number;
  /** How long a voter must not have answered before it counts as lost for good, in milliseconds. */
  readonly graceMs: number;
  /** How long a worker must have been well before it may become a server. */
  readonly stabilisationMs: number;
  /** How long a machine that is becoming a server may be failed before another one is chosen. */
  readonly joinerGraceMs: number;
  /** How long a machine may take to become a server. */
  readonly joinPatienceMs: number;
}

export const DEFAULT_AUTOPILOT_POLICY: AutopilotPolicy = {
  maxVoters: 5,
  graceMs: 300_000,
  stabilisationMs: 30_000,
  joinerGraceMs: 20_000,
  joinPatienceMs: 300_000,
};

export interface AutopilotObserved {
  readonly nodes: readonly AutopilotNode[];
  /** Who is to serve, by the roles that are in force. */
  readonly servers: readonly NodeId[];
  /** Since when these roles are known here. */
  readonly rolesSince: Instant;
  /** Undefined or empty while etcd does not tell. */
  readonly voters: readonly AutopilotVoter[] | undefined;
  /** Why nothing is to be changed; undefined unless a person said so. */
  readonly pause?: string;
  readonly policy: AutopilotPolicy;
}

/** What autopilot does about the control plane. All but `bury` are a new epoch of the roles. */
export type AutopilotAction =
  | { readonly kind: "none" }
  /** A worker becomes a server. */
  | { readonly kind: "promote"; readonly nodeId: NodeId }
  /** In one epoch: a lost server is one no more, and a worker becomes one. */
  | { readonly kind: "replace"; readonly lost: NodeId; readonly nodeId: NodeId }
  /** A lost server is one no more, and nobody takes its place by this. */
  | { readonly kind: "drop"; readonly nodeId: NodeId }
  /** A live server becomes a worker. */
  | { readonly kind: "demote"; readonly nodeId: NodeId }
  /** A worker that was to become a server, and did not get there, stays a worker. */
  | { readonly kind: "withdraw"; readonly nodeId: NodeId }
  /** etcd forgets a member that serves no more and does not answer; so does Kubernetes. */
  | { readonly kind: "bury"; readonly nodeId: NodeId };

export interface AutopilotPlan {
  readonly action: AutopilotAction;
  /** For people: why this, or why nothing. */
  readonly reason: string;
  /** When something waits for time to pass: until when. */
  readonly waitUntil?: Instant;
  /** How many voters a cluster of this size wants. */
  readonly wanted: number;
  /** Who is to serve no more, and has to, since nobody could take its place: a person may let it go all the same. */
  readonly held?: NodeId;
}

/** Who is to serve after an action. */
export function serversAfter(servers: readonly NodeId[], action: AutopilotAction): readonly NodeId[] {
  switch (action.kind) {
    case "none":
    case "bury":
      return servers;
    case "promote":
      return [...servers, action.nodeId];
    case "replace":
      return [...servers.filter((server) => server !== action.lost), action.nodeId];
    case "drop":
    case "demote":
    case "withdraw":
      return servers.filter((server) => server !== action.nodeId);
    default:
      return action satisfies never;
  }
}

import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import type { AutopilotNode, AutopilotObserved, AutopilotVoter } from "./observed.ts";

/** How things stand at one moment, without since when. */
export interface AutopilotSnapshot {
  readonly nodes: readonly (Omit<AutopilotNode, "wellSince" | "failedSince" | "setbacks"> & {
    readonly isFailed: boolean;
  })[];
  readonly servers: readonly NodeId[];
  /** The epoch of the roles. */
  readonly epoch: number;
  readonly voters: readonly Omit<AutopilotVoter, "since">[] | undefined;
  readonly pause?: string;
}

/**
 * Remembers since when things are as they are. It begins anew with its process, and every server has one whether it
 * leads or not, so that a new leader need not wait all over again. What was not looked at for a while is not taken for unchanged.
 */
export class AutopilotWatch {
  readonly #staleAfterMs: number;
  readonly #wellSince = new Map<NodeId, Instant>();
  readonly #failedSince = new Map<NodeId, Instant>();
  readonly #health = new Map<NodeId, { readonly isHealthy: boolean; readonly since: Instant }>();
  readonly #setbacks = new Map<NodeId, number>();
  #lastLook: Instant | undefined;
  #lastEtcdLook: Instant | undefined;
  #roles:
    { readonly epoch: number; readonly since: Instant; readonly joining: readonly NodeId[] } | undefined;

  constructor(staleAfterMs: number) {
    this.#staleAfterMs = staleAfterMs;
  }

  look(snapshot: AutopilotSnapshot, now: Instant): Omit<AutopilotObserved, "policy"> {
    this.#forgetStale(now);
    this.#lastLook = now;
    const nodes = snapshot.nodes.map((node) => this.#lookAtNode(node, now));
    const voters = this.#lookAtVoters(snapshot.voters, now);
    return {
      nodes,
      voters,
      servers: snapshot.servers,
      rolesSince: this.#lookAtRoles(snapshot, now),
      ...(snapshot.pause !== undefined && { pause: snapshot.pause }),
    };
  }

  /** A machine that slept does not know what it missed: nothing is as long so as its clock says. */
  #forgetStale(now: Instant): void {
    if (this.#lastLook !== undefined && now - this.#lastLook > this.#staleAfterMs) {
      this.#wellSince.clear();
      this.#failedSince.clear();
    }
    if (this.#lastEtcdLook !== undefined && now - this.#lastEtcdLook > this.#staleAfterMs)
      this.#health.clear();
  }

  #lookAtNode({ isFailed, ...node }: AutopilotSnapshot["nodes"][number], now: Instant): AutopilotNode {
    const wellSince = keep(this.#wellSince, node.nodeId, !isFailed && node.isReady, now);
    const failedSince = keep(this.#failedSince, node.nodeId, isFailed, now);
    return {
      ...node,
      setbacks: this.#setbacks.get(node.nodeId) ?? 0,
      ...(wellSince !== undefined && { wellSince }),
      ...(failedSince !== undefined && { failedSince }),
    };
  }

  #lookAtVoters(voters: AutopilotSnapshot["voters"], now: Instant): readonly AutopilotVoter[] | undefined {
    if (voters === undefined || voters.length === 0) return undefined;
    this.#lastEtcdLook = now;
    for (const nodeId of this.#health.keys()) {
      if (!voters.some((voter) => voter.nodeId === nodeId)) this.#health.delete(nodeId);
    }
    return voters.map((voter) => {
      const known = this.#health.get(voter.nodeId);
      const since = known?.isHealthy === voter.isHealthy ? known.since : now;
      this.#health.set(voter.nodeId, { isHealthy: voter.isHealthy, since });
      return { ...voter, since };
    });
  }

  #lookAtRoles({ epoch, servers, voters }: AutopilotSnapshot, now: Instant): Instant {
    const full = new Set(voters?.flatMap(({ nodeId, isLearner }) => (isLearner ? [] : [nodeId])));
    const before = this.#roles;
    if (before && before.epoch !== epoch) {
      for (const nodeId of before.joining) {
        if (!servers.includes(nodeId) && !full.has(nodeId))
          this.#setbacks.set(nodeId, (this.#setbacks.get(nodeId) ?? 0) + 1);
      }
    }
    const since = before?.epoch === epoch ? before.since : now;
    this.#roles = { epoch, since, joining: servers.filter((server) => !full.has(server)) };
    return since;
  }
}

function keep(
  since: Map<NodeId, Instant>,
  nodeId: NodeId,
  holds: boolean,
  now: Instant,
): Instant | undefined {
  if (!holds) since.delete(nodeId);
  else if (!since.has(nodeId)) since.set(nodeId, now);
  return since.get(nodeId);
}

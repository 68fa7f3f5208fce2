import type { NodeId } from "@cluster-os/identity";
import { compareText } from "@cluster-os/std";
import { voterCount } from "./voter-count.ts";

/** An admitted node; a removed one is not listed. */
export interface ElectionMember {
  readonly nodeId: NodeId;
  readonly isAlive: boolean;
}

export interface ElectionPolicy {
  /** Servers wanted for a number of members; odd. */
  readonly voterCount: (size: number) => number;
  /** Lower is served by first; equal ranks go by node ID. */
  readonly rank: (nodeId: NodeId) => number;
}

export interface ElectionRequest {
  /** In any order. */
  readonly members: readonly ElectionMember[];
  /** Who serves now, in any order; nodes that are no members are dropped. */
  readonly current: readonly NodeId[];
  readonly policy?: Partial<ElectionPolicy>;
}

export interface ElectionResult {
  /** Who is to serve, by rank and node ID. */
  readonly servers: readonly NodeId[];
  /** What differs from `current`, each with a reason for the log. */
  readonly changes: readonly ServerChange[];
  /** What the policy wants for this number of members; fewer serve while fewer are alive. */
  readonly wanted: number;
}

export interface ServerChange {
  readonly kind: "add" | "remove";
  readonly nodeId: NodeId;
  readonly reason: string;
}

/**
 * Who is to serve. Sticky: a live server stays unless there are too many. A dead one is replaced when a live candidate
 * exists, and stays listed when none does. The number of live servers only grows to odd numbers. The same for every
 * order of the arguments, so that all who ask with the same view get the same answer.
 */
export function electServers(request: ElectionRequest): ElectionResult {
  const election = prepare(request);
  const { wanted, live, dead, candidates } = election;
  const count = Math.max(live.length, Math.min(wanted, largestOdd(live.length + candidates.length)));
  const added = candidates.slice(0, count - live.length);
  const kept = live.slice(0, wanted);
  // The dead keep their seats only if nobody else could take one: while a dead member is listed, none can join.
  const waiting = candidates.length > 0 ? [] : dead.slice(0, wanted - kept.length);
  const servers = [...kept, ...waiting, ...added].sort(election.order);
  return { servers, wanted, changes: changes(request, election, servers) };
}

interface Election {
  readonly wanted: number;
  readonly live: readonly NodeId[];
  readonly dead: readonly NodeId[];
  readonly candidates: readonly NodeId[];
  readonly order: (left: NodeId, right: NodeId) => number;
}

function prepare(request: ElectionRequest): Election {
  const rank = request.policy?.rank ?? (() => 0);
  const order = (left: NodeId, right: NodeId): number => rank(left) - rank(right) || compareText(left, right);
  const isAlive = new Map(request.members.map((member) => [member.nodeId, member.isAlive]));
  const current = new Set(request.current);
  const members = [...isAlive.keys()].sort(order);
  return {
    wanted: (request.policy?.voterCount ?? voterCount)(members.length),
    live: members.filter((nodeId) => current.has(nodeId) && isAlive.get(nodeId)),
    dead: members.filter((nodeId) => current.has(nodeId) && !isAlive.get(nodeId)),
    candidates: members.filter((nodeId) => !current.has(nodeId) && isAlive.get(nodeId)),
    order,
  };
}

function changes(request: ElectionRequest, election: Election, servers: readonly NodeId[]): ServerChange[] {
  const after = new Set(servers);
  const before = new Set(request.current);
  const removed = [...before].filter((nodeId) => !after.has(nodeId)).sort(election.order);
  return [
    ...removed.map((nodeId) => ({
      kind: "remove" as const,
      nodeId,
      reason: removalReason(election, nodeId),
    })),
    ...servers
      .filter((nodeId) => !before.has(nodeId))
      .map((nodeId) => ({ kind: "add" as const, nodeId, reason: additionReason(election) })),
  ];
}

function removalReason(election: Election, nodeId: NodeId): string {
  if (election.dead.includes(nodeId)) return "it is dead and a live member can take its place";
  if (election.live.includes(nodeId))
    return `${election.wanted} servers are enough for this number of members`;
  return "it is not a member any more";
}

function additionReason(election: Election): string {
  return election.dead.length > 0
    ? "it takes the place of a dead server"
    : `this number of members wants ${election.wanted} servers`;
}

function largestOdd(limit: number): number {
  return limit <= 0 ? 0 : limit % 2 === 1 ? limit : limit - 1;
}

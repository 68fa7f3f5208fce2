import { nodeName, type NodeId } from "@cluster-os/identity";
import { compareText, type Instant } from "@cluster-os/std";
import { voterCount } from "../voter-count.ts";
import { candidates, crowdedZone, leastNeeded, type Candidates } from "./choice.ts";
import type { AutopilotAction, AutopilotObserved, AutopilotPlan, AutopilotVoter } from "./observed.ts";

type Plan = Omit<AutopilotPlan, "wanted">;

/**
 * The one next change of the control plane, or none and why. It rests on two words only: etcd's own on who its members
 * are and which of them answer, and the members' on who could take a place. Whatever is under way is waited for, so there is one
 * change at a time; nothing is changed without a healthy majority of the voters there are, and no live server is
 * retired while another one does not answer.
 */
export function planAutopilot(given: AutopilotObserved, now: Instant): AutopilotPlan {
  const observed = inOrder(given);
  const wanted = wantedVoters(observed);
  return { ...planChange(observed, wanted, now), wanted };
}

/** How many voters a cluster wants: by its size, without those that are to serve no more. */
export function wantedVoters({ nodes, policy }: Pick<AutopilotObserved, "nodes" | "policy">): number {
  return voterCount(nodes.filter(({ isRetiring }) => !isRetiring).length, policy.maxVoters);
}

/** So that the answer is the same for every order of what is observed. */
function inOrder(observed: AutopilotObserved): AutopilotObserved {
  const byId = (left: { readonly nodeId: NodeId }, right: { readonly nodeId: NodeId }): number =>
    compareText(left.nodeId, right.nodeId);
  return {
    ...observed,
    nodes: observed.nodes.toSorted(byId),
    servers: observed.servers.toSorted(compareText),
    voters: observed.voters?.toSorted(byId),
  };
}

function planChange(observed: AutopilotObserved, wanted: number, now: Instant): Plan {
  const { pause, voters, servers } = observed;
  if (pause !== undefined) return nothing(`paused: ${pause}`);
  if (voters === undefined || voters.length === 0) return nothing("etcd does not say who its members are");
  const full = voters.filter(({ isLearner }) => !isLearner);
  const healthy = full.filter(({ isHealthy }) => isHealthy);
  if (healthy.length * 2 <= full.length) {
    return nothing(
      `only ${healthy.length} of ${full.length} voters are healthy: no majority to change anything`,
    );
  }
  const underway = planUnderway(observed, full, now);
  if (underway) return underway;
  const serving = full.filter(({ nodeId }) => servers.includes(nodeId));
  const unwell = serving.filter(({ isHealthy }) => !isHealthy);
  const found = candidates(observed, now);
  return unwell.length > 0
    ? planRepair(observed, { wanted, live: serving.length - unwell.length, unwell, found }, now)
    : planSize(observed, { wanted, serving, found });
}

/** What was decided is carried through, or taken back, before anything else is decided. */
function planUnderway(
  observed: AutopilotObserved,
  full: readonly AutopilotVoter[],
  now: Instant,
): Plan | undefined {
  const { servers, policy, rolesSince } = observed;
  const joining = servers.filter((server) => !full.some(({ nodeId }) => nodeId === server));
  const leaving = (observed.voters ?? []).filter(({ nodeId }) => !servers.includes(nodeId));
  // Somebody has to serve: the only one that is named is waited for.
  for (const nodeId of servers.length > 1 ? joining : []) {
    const failedSince = observed.nodes.find((node) => node.nodeId === nodeId)?.failedSince;
    const isListed = observed.nodes.some((node) => node.nodeId === nodeId);
    const lostAt = isListed ? (failedSince ?? Infinity) + policy.joinerGraceMs : now;
    const lateAt = rolesSince + policy.joinPatienceMs;
    if (now >= lostAt)
      return act({ kind: "withdraw", nodeId }, `${name(nodeId)} failed before it was a server`);
    if (now >= lateAt)
      return act({ kind: "withdraw", nodeId }, `${name(nodeId)} did not become a server in time`);
  }
  const [joiner] = joining;
  // Whoever joins asks a server first, and that one buries the lost: so nobody is removed before the other one is ready.
  if (joiner !== undefined) {
    return nothing(`${name(joiner)} is becoming a server`, rolesSince + policy.joinPatienceMs);
  }
  const gone = leaving.find(({ isHealthy }) => !isHealthy);
  if (gone)
    return act(
      { kind: "bury", nodeId: gone.nodeId },
      `${name(gone.nodeId)} serves no more and does not answer`,
    );
  const [leaver] = leaving;
  // It may go only while all others are well, so a lost one among them is seen to first.
  const areWell = full.every(({ isHealthy }) => isHealthy);
  return leaver && areWell ? nothing(`${name(leaver.nodeId)} is becoming a worker`) : undefined;
}

interface Repair {
  readonly wanted: number;
  /** Voters that answer. */
  readonly live: number;
  readonly unwell: readonly AutopilotVoter[];
  readonly found: Candidates;
}

function planRepair({ policy }: AutopilotObserved, repair: Repair, now: Instant): Plan {
  const { wanted, live, unwell, found } = repair;
  const lost = unwell.filter(({ since }) => now - since >= policy.graceMs);
  const [first] = lost;
  if (!first) {
    const [next] = unwell.toSorted((left, right) => left.since - right.since) as [AutopilotVoter];
    return nothing(
      `${name(next.nodeId)} does not answer; it has time to come back`,
      next.since + policy.graceMs,
    );
  }
  const who = name(first.nodeId);
  if (live >= wanted) {
    return act({ kind: "drop", nodeId: first.nodeId }, `${who} is lost, and ${live} voters are enough`);
  }
  const [best] = found.ready;
  if (!best)
    return nothing(`${who} is lost, and ${found.none}: it stays listed, for it may return`, found.readyAt);
  // While two are lost, nobody can join: the other would be asked for its health.
  const isOnlyOne = lost.length === 1 && unwell.length === 1;
  if (isOnlyOne && largestOdd(live + found.ready.length) > live) {
    return act(
      { kind: "replace", lost: first.nodeId, nodeId: best },
      `${name(best)} takes the place of ${who}, which is lost`,
    );
  }
  return act({ kind: "drop", nodeId: first.nodeId }, `${who} is lost; without it fewer votes are needed`);
}

interface Size {
  readonly wanted: number;
  readonly serving: readonly AutopilotVoter[];
  readonly found: Candidates;
}

/** All voters are well: are they as many, and those, that the cluster wants? */
function planSize(observed: AutopilotObserved, { wanted, serving, found }: Size): Plan {
  const live = serving.length;
  const ids = serving.map(({ nodeId }) => nodeId);
  const [best] = found.ready;
  if (live > wanted) {
    const nodeId = leastNeeded(observed, ids);
    return act({ kind: "demote", nodeId }, `${wanted} ${wanted === 1 ? "voter is" : "voters are"} enough`);
  }
  const retiring = ids.find((id) => observed.nodes.find(({ nodeId }) => nodeId === id)?.isRetiring ?? true);
  // A place is filled before it is given up.
  if (retiring !== undefined && (live === wanted || !best))
    return planRetirement(observed, retiring, live, found);
  if (live < wanted) {
    // Only to odd numbers: two are lost as easily as one.
    return best && Math.min(wanted, largestOdd(live + found.ready.length)) > live
      ? act({ kind: "promote", nodeId: best }, `this cluster wants ${wanted} voters`)
      : nothing(`this cluster wants ${wanted} voters, but ${found.none}`, found.readyAt);
  }
  const spread = crowdedZone(observed, ids, found.ready);
  if (spread) {
    return act(
      { kind: "promote", nodeId: spread.nodeId },
      `a majority of the voters is in zone ${spread.zone}; it is in another`,
    );
  }
  const isPair = observed.nodes.length === 2 && wanted === 1;
  return nothing(
    isPair
      ? "two machines keep one voter: its loss stops the API, as it would with two"
      : "the right machines serve",
  );
}

function planRetirement(
  { nodes }: AutopilotObserved,
  retiring: NodeId,
  live: number,
  { ready: [best], none, readyAt }: Candidates,
): Plan {
  const who = name(retiring);
  if (best) {
    return act({ kind: "promote", nodeId: best }, `it takes the place of ${who}, which is to serve no more`);
  }
  const mayReduce = nodes.find(({ nodeId }) => nodeId === retiring)?.mayReduce ?? false;
  // Somebody who takes its place soon is waited for all the same.
  if (mayReduce && readyAt === undefined && live > 1) {
    return act({ kind: "demote", nodeId: retiring }, `it is to go although ${none}`);
  }
  const waiting = nothing(`${who} is to serve no more, but ${none}`, readyAt);
  return waiting.waitUntil === undefined ? { ...waiting, held: retiring } : waiting;
}

function act(action: AutopilotAction, reason: string): Plan {
  return { action, reason };
}

function nothing(reason: string, waitUntil?: Instant): Plan {
  const isBounded = waitUntil !== undefined && Number.isFinite(waitUntil);
  return { action: { kind: "none" }, reason, ...(isBounded && { waitUntil }) };
}

function name(nodeId: NodeId): string {
  return nodeName(nodeId);
}

function largestOdd(limit: number): number {
  return limit <= 0 ? 0 : limit % 2 === 1 ? limit : limit - 1;
}

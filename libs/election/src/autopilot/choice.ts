import { compareText, type Instant } from "@cluster-os/std";
import type { NodeId } from "@cluster-os/identity";
import type { AutopilotNode, AutopilotObserved } from "./observed.ts";

/** Who could become a server. */
export interface Candidates {
  /** At once, the best first. */
  readonly ready: readonly NodeId[];
  /** When the next one is. */
  readonly readyAt?: Instant;
  /** Why there are not enough, as half a sentence. */
  readonly none: string;
}

/**
 * Workers that could become servers: alive, with a Kubernetes that works and is as new as the servers', and well for a
 * while, so that one that comes and goes never gets there. Zones with the fewest voters come first, then those that never failed to become one.
 */
export function candidates(observed: AutopilotObserved, now: Instant): Candidates {
  const { nodes, servers, voters, policy } = observed;
  const taken = new Set([...servers, ...(voters ?? []).map(({ nodeId }) => nodeId)]);
  const workers = nodes.filter(({ nodeId, isRetiring }) => !taken.has(nodeId) && !isRetiring);
  const well = workers.filter(
    ({ isAlive, isReady, wellSince }) => isAlive && isReady && wellSince !== undefined,
  );
  const current = well.filter(({ isOutdated }) => isOutdated !== true);
  const readyAt = (node: AutopilotNode): Instant => (node.wellSince ?? Infinity) + policy.stabilisationMs;
  const ready = current.filter((node) => now >= readyAt(node));
  const crowd = zoneCounts(observed, servers);
  const sorted = ready.toSorted(
    (left, right) =>
      crowdOf(crowd, left) - crowdOf(crowd, right) ||
      left.setbacks - right.setbacks ||
      left.rank - right.rank ||
      compareText(left.nodeId, right.nodeId),
  );
  const next = Math.min(...current.filter((node) => now < readyAt(node)).map(readyAt));
  return {
    ready: sorted.map(({ nodeId }) => nodeId),
    ...(Number.isFinite(next) && { readyAt: next }),
    none: describeLack([workers.length, well.length, current.length, ready.length]),
  };
}

/** The server that is missed least: one that is to serve no more, else of the fullest zone, else the one of the highest index. */
export function leastNeeded(observed: AutopilotObserved, serving: readonly NodeId[]): NodeId {
  const crowd = zoneCounts(observed, serving);
  const known = new Map(observed.nodes.map((node) => [node.nodeId, node]));
  const weight = (nodeId: NodeId): readonly number[] => {
    const node = known.get(nodeId);
    return [node?.isRetiring === false ? 0 : 1, node ? crowdOf(crowd, node) : 0, node?.rank ?? 0];
  };
  const [least] = serving.toSorted((left, right) => {
    const [a, b] = [weight(left), weight(right)];
    return (
      (b[0] ?? 0) - (a[0] ?? 0) ||
      (b[1] ?? 0) - (a[1] ?? 0) ||
      (b[2] ?? 0) - (a[2] ?? 0) ||
      compareText(left, right)
    );
  });
  return least as NodeId;
}

/**
 * A candidate that would end that one zone alone holds a majority of the voters. There is one only if the fullest zone
 * would have no majority afterwards, so that nothing moves to and fro.
 */
export function crowdedZone(
  observed: AutopilotObserved,
  serving: readonly NodeId[],
  ready: readonly NodeId[],
): { readonly nodeId: NodeId; readonly zone: string } | undefined {
  const crowd = zoneCounts(observed, serving);
  const [fullest] = [...crowd].sort(([, left], [, right]) => right - left);
  if (!fullest || serving.length < 3) return undefined;
  const [zone, count] = fullest;
  const majority = Math.floor(serving.length / 2) + 1;
  if (count < majority || count - 1 >= majority) return undefined;
  const nodeId = ready.find((candidate) => {
    const other = observed.nodes.find((node) => node.nodeId === candidate)?.zone;
    return other !== undefined && other !== zone && (crowd.get(other) ?? 0) + 1 < majority;
  });
  return nodeId === undefined ? undefined : { nodeId, zone };
}

function zoneCounts({ nodes }: AutopilotObserved, servers: readonly NodeId[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { nodeId, zone } of nodes) {
    if (zone !== undefined && servers.includes(nodeId)) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  return counts;
}

function crowdOf(crowd: ReadonlyMap<string, number>, { zone }: AutopilotNode): number {
  return zone === undefined ? 0 : (crowd.get(zone) ?? 0);
}

/** How many are left after each condition. */
function describeLack([workers = 0, well = 0, current = 0, ready = 0]: readonly number[]): string {
  if (workers === 0) return "there is no other machine";
  if (well === 0) return "no worker is well";
  if (current === 0) return "no worker that is well runs the servers' Kubernetes yet";
  return ready === 0
    ? "no worker has been well for long enough"
    : "one more worker is too few: it would make an even number";
}

import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import { compareText, toHex, type Instant } from "@cluster-os/std";
import type { HeardBeacon } from "./beacon.ts";

/** A machine that was heard on the LAN, by its newest beacon. */
export interface Neighbour {
  readonly beacon: HeardBeacon;
  readonly address: Address;
  readonly heardAt: Instant;
}

/** What hearing a beacon amounts to. */
export type Hearing = "new" | "known" | "stale" | "duplicate-identity";

interface Entry extends Neighbour {
  readonly firstHeardAt: Instant;
  /** Instances heard lately under this node ID, each with when it was last heard and how often it took over. */
  readonly instances: Map<string, { heardAt: Instant; takeovers: number }>;
}

/** A restart is one takeover; more within this time are two machines that both talk. */
const TAKEOVER_WINDOW_MS = 20_000;
/** A flood of made-up identities does not fill the memory; the oldest are forgotten. */
const MAX_NEIGHBOURS = 5_000;
/** So many beacons long, one of this machine's would have got through. */
const DEAF_AFTER_MS = 5_000;

/** Who is on the LAN: unformed candidates and members of clusters, by their beacons. */
export class Neighbours {
  readonly #entries = new Map<NodeId, Entry>();
  #version = 0;

  /** Changes whenever somebody was heard or forgotten. */
  get version(): number {
    return this.#version;
  }

  hear(beacon: HeardBeacon, address: Address, now: Instant): Hearing {
    this.#version += 1;
    const known = this.#entries.get(beacon.nodeId);
    const instance = toHex(beacon.instance);
    const instances = known?.instances ?? new Map<string, { heardAt: Instant; takeovers: number }>();
    const isTakeover = known !== undefined && toHex(known.beacon.instance) !== instance;
    if (known && !isTakeover && beacon.sequence <= known.beacon.sequence) return "stale";
    for (const [name, { heardAt }] of instances)
      if (now - heardAt > TAKEOVER_WINDOW_MS) instances.delete(name);
    const takeovers = (instances.get(instance)?.takeovers ?? 0) + (isTakeover ? 1 : 0);
    instances.set(instance, { heardAt: now, takeovers });
    // Re-inserted, so that the map's order is by when they were heard.
    this.#entries.delete(beacon.nodeId);
    const firstHeardAt = known?.firstHeardAt ?? now;
    this.#entries.set(beacon.nodeId, { beacon, address, heardAt: now, firstHeardAt, instances });
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > MAX_NEIGHBOURS && oldest) this.#entries.delete(oldest);
    if (isDuplicate(instances)) return "duplicate-identity";
    return known ? "known" : "new";
  }

  find(nodeId: NodeId): Neighbour | undefined {
    return this.#entries.get(nodeId);
  }

  forget(nodeId: NodeId): void {
    this.#version += 1;
    this.#entries.delete(nodeId);
  }

  /**
   * How many machines without a cluster are heard, and have been for a while, that say they never heard another one:
   * what this machine sends does not reach them.
   */
  deafCount(now: Instant): number {
    return [...this.#entries.values()].filter(
      ({ beacon, heardAt, firstHeardAt }) =>
        beacon.clusterId === undefined &&
        beacon.seenCount === 1 &&
        now - heardAt < DEAF_AFTER_MS &&
        now - firstHeardAt > DEAF_AFTER_MS,
    ).length;
  }

  /** Those heard since `since` that `isWanted`, by node ID; machines under a duplicated identity are left out. */
  heardSince(since: Instant, isWanted: (beacon: HeardBeacon) => boolean): readonly Neighbour[] {
    return [...this.#entries.values()]
      .filter(
        ({ beacon, heardAt, instances }) => heardAt >= since && isWanted(beacon) && !isDuplicate(instances),
      )
      .sort((left, right) => compareText(left.beacon.nodeId, right.beacon.nodeId));
  }
}

/**
 * A restarted process takes over from its former instance once. When a former instance takes over again, and the other
 * after it, both are running.
 */
function isDuplicate(instances: ReadonlyMap<string, { takeovers: number }>): boolean {
  let total = 0;
  let isRepeated = false;
  for (const { takeovers } of instances.values()) {
    total += takeovers;
    if (takeovers >= 2) isRepeated = true;
  }
  return isRepeated && total >= 3;
}

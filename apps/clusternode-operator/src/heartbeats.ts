import { AGENT_LEASE_SECONDS } from "@cluster-os/api";
import type { Lease } from "@cluster-os/kube";
import { judgeHeartbeat, sight, type Heartbeat, type Sighting } from "@cluster-os/reconcile";
import type { Instant } from "@cluster-os/std";

interface Seen {
  readonly sighting: Sighting;
  readonly durationMs: number;
}

/**
 * A stream of Leases in which nothing moved for so long is not to be believed, in milliseconds: leaders renew theirs every two
 * seconds. An API server that loses its power says no goodbye, and its watch is missed only later than a lease lasts.
 */
const DEAF_MS = (AGENT_LEASE_SECONDS * 1000) / 2;

/** The heartbeats of all node-agents, as this process saw their Leases change. */
export class Heartbeats {
  readonly #seen = new Map<string, Seen>();
  readonly #deafMs: number;
  #heardAt: Instant | undefined;

  /** `patience`: how many times slower than usual the machines are. */
  constructor(patience = 1) {
    this.#deafMs = DEAF_MS * patience;
  }

  /** Some Lease changed, whosesoever it is. After a while without any, silence is measured from now on. */
  heard(now: Instant): void {
    if (this.#isDeaf(now)) this.restart(now);
    this.#heardAt = now;
  }

  /** A Lease is as given now; undefined if it is gone. Returns whether that changes what is thought of the node. */
  saw(node: string, lease: Lease | undefined, now: Instant): boolean {
    const before = this.#seen.get(node);
    const sighting = sight(before?.sighting, lease?.spec?.renewTime, now);
    const durationMs = (lease?.spec?.leaseDurationSeconds ?? AGENT_LEASE_SECONDS) * 1000;
    const was = this.judge(node, now);
    this.#seen.set(node, { sighting, durationMs });
    return !before || was !== this.judge(node, now);
  }

  judge(node: string, now: Instant): Heartbeat {
    const seen = this.#seen.get(node);
    if (!seen) return "never";
    const heartbeat = judgeHeartbeat(seen.sighting, seen.durationMs, now);
    return heartbeat === "expired" && this.#isDeaf(now) ? "unjudged" : heartbeat;
  }

  /** In how many milliseconds silence would be noticed; undefined if only a renewal can change the judgement. */
  lookAgainMs(node: string, now: Instant): number | undefined {
    const seen = this.#seen.get(node);
    const heartbeat = this.judge(node, now);
    if (!seen || heartbeat === "never" || heartbeat === "expired") return undefined;
    const restMs = Math.floor(seen.sighting.changedAt + seen.durationMs - now) + 1;
    // Its time is over, and nobody may say so yet.
    return restMs > 0 ? restMs : this.#deafMs;
  }

  #isDeaf(now: Instant): boolean {
    return this.#heardAt !== undefined && now - this.#heardAt > this.#deafMs;
  }

  forget(node: string): void {
    this.#seen.delete(node);
  }

  /** Whoever did not look for a while, or was not to judge until now, begins to watch anew. */
  restart(now: Instant): void {
    for (const [node, { sighting, durationMs }] of this.#seen) {
      this.#seen.set(node, { sighting: sight(undefined, sighting.value, now), durationMs });
    }
  }
}

import { AGENT_LEASE_SECONDS } from "@cluster-os/api";
import type { Lease } from "@cluster-os/kube";
import { judgeHeartbeat, sight, type Heartbeat, type Sighting } from "@cluster-os/reconcile";
import type { Instant } from "@cluster-os/std";

interface Seen {
  readonly sighting: Sighting;
  readonly durationMs: number;
}

/** The heartbeats of all node-agents, as this process saw their Leases change. */
export class Heartbeats {
  readonly #seen = new Map<string, Seen>();

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
    return seen ? judgeHeartbeat(seen.sighting, seen.durationMs, now) : "never";
  }

  /** In how many milliseconds silence would be noticed; undefined if only a renewal can change the judgement. */
  lookAgainMs(node: string, now: Instant): number | undefined {
    const seen = this.#seen.get(node);
    const heartbeat = this.judge(node, now);
    if (!seen || heartbeat === "never" || heartbeat === "expired") return undefined;
    return Math.max(1, Math.floor(seen.sighting.changedAt + seen.durationMs - now) + 1);
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

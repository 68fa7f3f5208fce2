import { nodeName, type NodeId } from "@cluster-os/identity";
import type { KubeClient } from "@cluster-os/kube";
import type { Clock } from "@cluster-os/std";
import { NAMESPACE } from "@cluster-os/api";
import { HeldLease } from "../server/leadership.ts";

/** Longer than any join takes, so that the slot of a machine that died in its join comes free by itself. */
export const SLOT_SECONDS = 180;

/**
 * The one place for a machine that is becoming a server. etcd takes one change of its members at a time; the slot is a
 * Lease in the name of the joining machine, so it holds whichever server is asked.
 */
export class JoinSlot {
  readonly #kube: KubeClient;
  readonly #clock: Clock;
  readonly #held = new Map<NodeId, HeldLease>();

  constructor(kube: KubeClient, clock: Clock) {
    this.#kube = kube;
    this.#clock = clock;
  }

  /** Whether `joiner` may begin now. Asking again while it holds the slot prolongs it. */
  async tryTake(joiner: NodeId): Promise<boolean> {
    return this.#leaseOf(joiner).tryHold(this.#clock.now(), this.#clock.wallTime());
  }

  /** The joiner is through, or gave up. Throws if that could not be written. */
  async release(joiner: NodeId): Promise<void> {
    await this.#leaseOf(joiner).release();
    this.#held.delete(joiner);
  }

  #leaseOf(joiner: NodeId): HeldLease {
    const known = this.#held.get(joiner);
    if (known) return known;
    const lease = new HeldLease({
      kube: this.#kube,
      namespace: NAMESPACE,
      name: "control-plane-change",
      holder: nodeName(joiner),
      durationSeconds: SLOT_SECONDS,
    });
    this.#held.set(joiner, lease);
    return lease;
  }
}

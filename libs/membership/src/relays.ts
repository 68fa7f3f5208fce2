import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import type { Address } from "./member.ts";

/** A ping made for someone else. */
export interface Relay {
  readonly origin: NodeId;
  readonly originAddress: Address;
  readonly originSequence: number;
}

interface PendingRelay extends Relay {
  nackAt: Instant | undefined;
  readonly dropAt: Instant;
}

/** Nobody needs more pings at a time on behalf of others than this. */
const LIMIT = 256;

/** Pings this node makes because others asked, by their sequence number. */
export class Relays {
  readonly #pending = new Map<number, PendingRelay>();

  add(sequence: number, relay: Relay, times: { readonly nackAt: Instant; readonly dropAt: Instant }): void {
    if (this.#pending.size < LIMIT) this.#pending.set(sequence, { ...relay, ...times });
  }

  /** The target answered: whom to tell. */
  answered(sequence: number): Relay | undefined {
    const relay = this.#pending.get(sequence);
    this.#pending.delete(sequence);
    return relay;
  }

  /** Who is to be told now that there is no answer yet. */
  dueNacks(now: Instant): readonly Relay[] {
    const due: Relay[] = [];
    for (const [sequence, relay] of this.#pending) {
      if (relay.nackAt !== undefined && now >= relay.nackAt) {
        relay.nackAt = undefined;
        due.push(relay);
      }
      if (now >= relay.dropAt) this.#pending.delete(sequence);
    }
    return due;
  }

  get wakeAt(): Instant {
    if (this.#pending.size === 0) return Infinity;
    return Math.min(...[...this.#pending.values()].map(({ nackAt, dropAt }) => nackAt ?? dropAt));
  }
}

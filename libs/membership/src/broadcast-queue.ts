interface Broadcast {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Counts up over all broadcasts: which is newer. */
  readonly order: number;
  sentCount: number;
}

export interface TakeOptions {
  /** All that is taken, in bytes. */
  readonly budget: number;
  /** No single piece is larger, in bytes. */
  readonly largest: number;
  /** What each piece costs besides its bytes. */
  readonly overhead: number;
  /** How often a piece is sent in all. */
  readonly limit: number;
  /** Whether it counts as sent: not if the receiver may be gone. */
  readonly isCounted: boolean;
  /** Only what came after this one, as `newest` numbered it. Default: all. */
  readonly after?: number;
}

/**
 * News that is still to be passed on. Each is sent a number of times and then forgotten; what is new about a subject
 * replaces what is old (SWIM section 4.1).
 */
export class BroadcastQueue {
  readonly #broadcasts = new Map<string, Broadcast>();
  #order = 0;

  get isEmpty(): boolean {
    return this.#broadcasts.size === 0;
  }

  /** Counts up with every piece of news. */
  get newest(): number {
    return this.#order;
  }

  put(subject: string, bytes: Uint8Array): void {
    this.#order += 1;
    this.#broadcasts.set(subject, { subject, bytes, order: this.#order, sentCount: 0 });
  }

  /**
   * News of together at most `budget` bytes, each counted with `overhead`: first what was sent least, then what is newest.
   * After it counted as sent `limit` times it is gone.
   */
  take({ budget, largest, overhead, limit, isCounted, after = 0 }: TakeOptions): readonly Uint8Array[] {
    const taken: Broadcast[] = [];
    let room = budget;
    for (const broadcast of this.#byNeed()) {
      if (broadcast.order <= after) continue;
      const size = broadcast.bytes.length + overhead;
      if (size > room || broadcast.bytes.length > largest) continue;
      room -= size;
      taken.push(broadcast);
    }
    if (isCounted) for (const broadcast of taken) this.#countSent(broadcast, limit);
    return taken.map(({ bytes }) => bytes);
  }

  /** One piece of news that is larger than `largest` bytes and so never fits a datagram. */
  takeLarge({
    largest,
    limit,
    after = 0,
  }: Pick<TakeOptions, "largest" | "limit" | "after">): Uint8Array | undefined {
    const large = this.#byNeed().find(({ bytes, order }) => bytes.length > largest && order > after);
    if (large) this.#countSent(large, limit);
    return large?.bytes;
  }

  #byNeed(): Broadcast[] {
    return [...this.#broadcasts.values()].sort(
      (left, right) => left.sentCount - right.sentCount || right.order - left.order,
    );
  }

  #countSent(broadcast: Broadcast, limit: number): void {
    broadcast.sentCount += 1;
    if (broadcast.sentCount >= limit) this.#broadcasts.delete(broadcast.subject);
  }
}

/** How often a piece of news is sent in a cluster of `memberCount`: enough to reach everyone with some loss. */
export function retransmitLimit(factor: number, memberCount: number): number {
  return Math.ceil(factor * Math.max(1, Math.log10(memberCount + 1)));
}

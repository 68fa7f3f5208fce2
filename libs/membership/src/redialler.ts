import { backoffMs, type BackoffPolicy, type Instant, type Rng } from "@cluster-os/std";

/** Keys (addresses or nodes) that are tried again and again, each with its own back-off, until they are removed. */
export class Redialler<Key> {
  readonly #policy: BackoffPolicy;
  readonly #rng: Rng;
  readonly #entries = new Map<Key, { failures: number; nextAt: Instant }>();

  constructor(policy: BackoffPolicy, rng: Rng) {
    this.#policy = policy;
    this.#rng = rng;
  }

  /** Begins with a try at `firstAt`; nothing changes for a key that is there. */
  add(key: Key, firstAt: Instant): void {
    if (!this.#entries.has(key)) this.#entries.set(key, { failures: 0, nextAt: firstAt });
  }

  remove(key: Key): void {
    this.#entries.delete(key);
  }

  /** How often a key was tried; 0 if it is not there. */
  tries(key: Key): number {
    return this.#entries.get(key)?.failures ?? 0;
  }

  /** The keys to try now. Each counts as tried, until it is removed. */
  due(now: Instant): readonly Key[] {
    if (this.#entries.size === 0) return [];
    const keys = [...this.#entries].filter(([, entry]) => now >= entry.nextAt).map(([key]) => key);
    for (const key of keys) {
      const entry = this.#entries.get(key)!;
      entry.failures += 1;
      entry.nextAt = now + backoffMs(this.#policy, entry.failures, this.#rng);
    }
    return keys;
  }

  get wakeAt(): Instant {
    if (this.#entries.size === 0) return Infinity;
    return Math.min(...[...this.#entries.values()].map(({ nextAt }) => nextAt));
  }
}

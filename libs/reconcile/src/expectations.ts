import type { Instant } from "@cluster-os/std";

interface Expected {
  readonly signs: Set<string>;
  readonly expiresAt: Instant;
}

/**
 * What a key's reconcile has done and not seen yet. A cache lags behind the writes of its own process; a reconcile that
 * creates what it does not see would create twice. So it notes what it is about to cause, and rests until that was seen -
 * or until the note expires, since a sign may have been missed.
 *
 * A sign names one change, such as "create pod-1": seeing it twice does no harm, as counting would.
 */
export class Expectations {
  readonly #expiryMs: number;
  readonly #byKey = new Map<string, Expected>();

  /** `expiryMs`: after this time a key no longer waits. Default: five minutes, as in Kubernetes' own controllers. */
  constructor({ expiryMs = 5 * 60_000 }: { readonly expiryMs?: number } = {}) {
    this.#expiryMs = expiryMs;
  }

  /** Call before the write, so that its sign cannot come first. Adds to what the key expects, and renews its expiry. */
  expect(key: string, signs: readonly string[], now: Instant): void {
    const before = this.isFulfilled(key, now) ? [] : (this.#byKey.get(key)?.signs ?? []);
    const all = new Set([...before, ...signs]);
    if (all.size > 0) this.#byKey.set(key, { signs: all, expiresAt: now + this.#expiryMs });
  }

  /** The sign was seen, or will never come because the write failed. */
  observe(key: string, sign: string): void {
    const expected = this.#byKey.get(key);
    if (!expected?.signs.delete(sign)) return;
    if (expected.signs.size === 0) this.#byKey.delete(key);
  }

  /** Whether everything expected of the key was seen, or the wait for it has expired. */
  isFulfilled(key: string, now: Instant): boolean {
    return now >= this.expiresAt(key);
  }

  /** When the key stops waiting; -Infinity if it waits for nothing. */
  expiresAt(key: string): Instant {
    return this.#byKey.get(key)?.expiresAt ?? -Infinity;
  }

  /** The key is gone. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }
}

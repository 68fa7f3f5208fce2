import { backoffMs, invariant, type BackoffPolicy, type Instant, type Rng } from "@cluster-os/std";

export interface TokenBucketOptions {
  /** Acts per second in the long run. */
  readonly perSecond: number;
  /** Acts at once after a rest. */
  readonly burst: number;
}

/** A bucket of tokens that fills at a steady rate; who finds it empty is told how long to wait for a token of its own. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  constructor({ perSecond, burst }: TokenBucketOptions) {
    invariant(perSecond > 0 && burst >= 1, "a bucket that never has a token would stop its queue for ever");
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token, and returns the milliseconds until it may be used. Tokens are promised in the order of the calls. */
  reserve(now: Instant): number {
    const elapsed = Math.max(0, now - (this.#filledAt ?? now));
    this.#filledAt = Math.max(now, this.#filledAt ?? now);
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsed * this.#perMs) - 1;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }
}

export interface RateLimiterOptions {
  readonly rng: Rng;
  /** Delay per failure of a key. Default: 5 ms, doubling, at most 1000 s, half of it random. */
  readonly perKey?: BackoffPolicy;
  /** Retries of all keys together. Default: 10 per second, 100 at once. */
  readonly overall?: TokenBucketOptions;
}

/** client-go's defaults (util/workqueue, DefaultTypedControllerRateLimiter), with jitter. */
const PER_KEY: BackoffPolicy = { initialMs: 5, maxMs: 1_000_000, factor: 2 };
const OVERALL: TokenBucketOptions = { perSecond: 10, burst: 100 };

/**
 * How long a key that failed has to wait: by its own failures in a row, so that one bad key does not cost much, and by the
 * failures of all, so that an outage that fails every key does not either. The longer of the two counts.
 */
export class RateLimiter {
  readonly #rng: Rng;
  readonly #perKey: BackoffPolicy;
  readonly #overall: TokenBucket;
  readonly #failures = new Map<string, number>();

  constructor({ rng, perKey = PER_KEY, overall = OVERALL }: RateLimiterOptions) {
    this.#rng = rng;
    this.#perKey = perKey;
    this.#overall = new TokenBucket(overall);
  }

  /** Counts one more failure of the key; returns the delay before its next try, in milliseconds. */
  next(key: string, now: Instant): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    return Math.max(backoffMs(this.#perKey, failures, this.#rng), this.#overall.reserve(now));
  }

  /** Failures of the key in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key succeeded, or is gone: its next failure counts as its first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }
}

import type { Rng } from "./rng.ts";

export interface BackoffPolicy {
  /** Delay after the first failure, in milliseconds. */
  readonly initialMs: number;
  /** No delay is longer than this, in milliseconds. */
  readonly maxMs: number;
  /** Growth per further failure. */
  readonly factor: number;
}

/**
 * The delay before the next try, after `failures` failures in a row (1 or more), in milliseconds. Half of it is random,
 * so that machines that failed together do not come back together.
 */
export function backoffMs(policy: BackoffPolicy, failures: number, rng: Rng): number {
  const full = Math.min(policy.maxMs, policy.initialMs * policy.factor ** Math.max(0, failures - 1));
  return Math.round(full / 2 + (full / 2) * rng.fraction());
}

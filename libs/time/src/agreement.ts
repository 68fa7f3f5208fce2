/** One look at another machine's clock: when it was asked and when it answered, here, and what it said, Unix milliseconds. */
export interface ClockReading {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly theirs: number;
}

/**
 * Clocks further apart than this, in milliseconds, are mended before certificates are made: a certificate is valid from the
 * moment its maker's clock shows. chrony needs seconds for it, and sets what is more than one second off.
 */
export const LARGEST_SKEW_MS = 10_000;

/** How far this clock is ahead of the other, in milliseconds, by the middle of the exchange (as NTP does, RFC 5905). */
export function clockOffset({ askedAt, answeredAt, theirs }: ClockReading): number {
  return Math.round((askedAt + answeredAt) / 2 - theirs);
}

/** Whether machines at these offsets from this one may make certificates for each other. */
export function agreement(offsetsMs: readonly number[]): {
  readonly isClose: boolean;
  readonly worstMs: number;
} {
  const worstMs = offsetsMs.reduce((worst, each) => (Math.abs(each) > Math.abs(worst) ? each : worst), 0);
  return { isClose: Math.abs(worstMs) <= LARGEST_SKEW_MS, worstMs };
}

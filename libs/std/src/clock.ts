/**
 * A point on a monotonic time line, in milliseconds since an arbitrary origin. Only differences mean anything: cores
 * compare instants, they never print them.
 */
export type Instant = number;

/** Where drivers and apps get the time. Cores do not hold a clock: they are handed `now`. */
export interface Clock {
  /** Monotonic milliseconds: never steps back, not even when the wall clock is set. */
  now(): Instant;
  /** Wall-clock time as Unix milliseconds, for what people read and for certificates. */
  wallTime(): number;
}

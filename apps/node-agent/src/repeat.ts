import {
  backoffMs,
  describeError,
  type BackoffPolicy,
  type Clock,
  type Instant,
  type Logger,
  type Rng,
} from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";

export interface Pace {
  /** Time from the start of a round to the start of the next, in milliseconds. */
  readonly everyMs: number;
  readonly startedAt: Instant;
  readonly now: Instant;
  /** Rounds that failed in a row. */
  readonly failures: number;
}

/** No longer than a regular pause: a machine must be seen soon after the API is back. */
const AFTER_FAILURE: Omit<BackoffPolicy, "maxMs"> = { initialMs: 500, factor: 2 };

/**
 * Milliseconds until the next round. Rounds keep their pace however long each takes; a failed one is tried again sooner,
 * and then ever later, up to the regular pace.
 */
export function pauseMs(pace: Pace, rng: Rng): number {
  const { everyMs, startedAt, now, failures } = pace;
  if (failures > 0) return Math.min(everyMs, backoffMs({ ...AFTER_FAILURE, maxMs: everyMs }, failures, rng));
  return Math.max(0, startedAt + everyMs - now);
}

export interface RepeatOptions {
  /** What the rounds do, for the log. */
  readonly name: string;
  /** Time from the start of a round to the start of the next, in milliseconds. */
  readonly everyMs: number;
  /** A shorter one, as long as it is wanted; not after a failure. */
  readonly hurryMs?: () => number | undefined;
  readonly round: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Runs rounds, one at a time, until `signal` is aborted. A failed round is logged once per kind of failure in a row. */
export async function repeat(options: RepeatOptions, signal: AbortSignal): Promise<void> {
  const { name, everyMs, hurryMs, round, clock, rng, logger } = options;
  let failures = 0;
  let lastError = "";
  while (!signal.aborted) {
    const startedAt = clock.now();
    try {
      await round(signal);
      if (failures > 0) logger.info("works again", { loop: name, failures });
      failures = 0;
      lastError = "";
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const described = describeError(error);
      if (described !== lastError) logger.warn("round failed", { loop: name, failures, error: described });
      lastError = described;
    }
    const paceMs = Math.min(everyMs, (failures === 0 && hurryMs?.()) || everyMs);
    const ms = pauseMs({ everyMs: paceMs, startedAt, now: clock.now(), failures }, rng);
    await delay(ms, signal).catch(() => {});
  }
}

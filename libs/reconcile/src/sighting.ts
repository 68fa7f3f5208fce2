import type { Instant } from "@cluster-os/std";

/**
 * Something that its writer changes regularly, such as the renewal time of a lease, as one observer saw it change.
 * `changedAt` is the observer's own clock, so that no two clocks are compared.
 */
export interface Sighting {
  readonly value: string | undefined;
  readonly changedAt: Instant;
  /** Whether this observer saw it change at all, and not only found it with some value in it. */
  readonly hasChanged: boolean;
}

/** Keeps the instant at which the value was last seen to change. */
export function sight(previous: Sighting | undefined, value: string | undefined, now: Instant): Sighting {
  if (!previous) return { value, changedAt: now, hasChanged: false };
  return previous.value === value ? previous : { value, changedAt: now, hasChanged: true };
}

/** Whether the writer has been silent for longer than `durationMs`, by the observer's clock. */
export function isSilent(sighting: Sighting, durationMs: number, now: Instant): boolean {
  return now - sighting.changedAt > durationMs;
}

/**
 * What a heartbeat says: in time, too late, never begun, or - to an observer that has not watched for long enough -
 * nothing yet.
 */
export type Heartbeat = "fresh" | "expired" | "never" | "unjudged";

/** Judges a heartbeat. Whoever just began to watch finds old values: neither fresh nor expired until it has watched. */
export function judgeHeartbeat(sighting: Sighting, durationMs: number, now: Instant): Heartbeat {
  if (sighting.value === undefined) return "never";
  if (isSilent(sighting, durationMs, now)) return "expired";
  return sighting.hasChanged ? "fresh" : "unjudged";
}

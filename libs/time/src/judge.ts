import type { Tracking } from "./tracking.ts";

export interface ClockObserved {
  /** Undefined if chrony does not answer. */
  readonly tracking: Tracking | undefined;
  /** Whether this machine may set its clock; a container may not, its host does. */
  readonly canSetClock: boolean;
}

/** The condition ClockSynchronized, before it is dated. */
export interface ClockJudgement {
  readonly type: "ClockSynchronized";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Kerberos allows minutes, certificates care about seconds, people read logs side by side to a tenth. */
const CLOSE_MS = 500;

/**
 * Says nothing that changes while all is well: each change is a write to the API. Which source is followed does change,
 * among sources that agree, so `chronyc tracking` has to be asked for it.
 */
export function judgeClock({ tracking, canSetClock }: ClockObserved): ClockJudgement {
  const judge = (status: ClockJudgement["status"], reason: string, message: string): ClockJudgement => ({
    type: "ClockSynchronized",
    status,
    reason,
    message,
  });
  if (!tracking) return judge("Unknown", "TimeServiceSilent", "chrony does not answer on this machine");
  const { source, isOwnClock, offsetMs } = tracking;
  if (isOwnClock)
    return judge("True", "ReferenceClock", "no outside source; the cluster follows this server's clock");
  if (source === undefined) return judge("False", "NoSource", "none of the time sources is followed yet");
  const isClose = Math.abs(offsetMs) <= CLOSE_MS;
  if (!isClose) {
    const way = canSetClock
      ? "chrony is correcting it"
      : "the host of this container sets it, and has to be mended";
    return judge("False", "ClockOff", `the clock is ${describeOffset(offsetMs)} of ${source}; ${way}`);
  }
  return canSetClock
    ? judge("True", "Synchronized", "follows the time sources")
    : judge("True", "HostClockAgrees", "the host sets the clock, and the time sources agree with it");
}

/** "1.0 h ahead": coarse, so that it stands still while the clock is off by much. */
export function describeOffset(offsetMs: number): string {
  const seconds = Math.abs(offsetMs) / 1000;
  const size =
    seconds >= 5400
      ? `${Math.round(seconds / 3600)} h`
      : seconds >= 90
        ? `${Math.round(seconds / 60)} min`
        : seconds >= 10
          ? `${Math.round(seconds)} s`
          : "some seconds";
  return `${size} ${offsetMs > 0 ? "ahead" : "behind"}`;
}

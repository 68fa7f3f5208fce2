import { z } from "zod";
import { ruled } from "./rules.ts";

const DURATION = /^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$/;

/** Seconds of "1h30m"; undefined if it is written otherwise. */
export function durationSeconds(text: string): number | undefined {
  const [, hours = "0h", minutes = "0m", seconds = "0s"] = DURATION.exec(text) ?? [];
  if (!DURATION.test(text) || text === "") return undefined;
  return parseInt(hours) * 3600 + parseInt(minutes) * 60 + parseInt(seconds);
}

/** A duration in hours, minutes and seconds, within bounds that are given in seconds; `message` says both. */
export function boundedDuration(
  { leastS, mostS = Infinity }: { readonly leastS: number; readonly mostS?: number },
  message: string,
) {
  const most = mostS === Infinity ? "" : ` && duration(self) <= duration("${mostS}s")`;
  return ruled(z.string().min(2).max(24), [
    {
      cel: `self.matches(r"${DURATION.source}") && duration(self) >= duration("${leastS}s")${most}`,
      holds: (text) => {
        const seconds = durationSeconds(text) ?? 0;
        return seconds >= leastS && seconds <= mostS;
      },
      message,
    },
  ]);
}

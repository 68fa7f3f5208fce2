import { describeOffset, judgeClock, LARGEST_SKEW_MS } from "@cluster-os/time";
import { finding, type Finding } from "../catalogue.ts";
import type { MachineFacts } from "../facts.ts";

/** What two clocks may differ by before it is worth a word, in milliseconds; asking takes up to a second or so. */
const WORTH_A_WORD_MS = 2_000;

/** Against the servers' clocks first, since that is what breaks; then what chrony says of itself. */
export function checkClock({ status, clock }: MachineFacts): readonly Finding[] {
  const off = (status?.clockOffsets ?? []).filter(({ offsetMs }) => Math.abs(offsetMs) > WORTH_A_WORD_MS);
  const worst = off.reduce((most, { offsetMs }) => Math.max(most, Math.abs(offsetMs)), 0);
  const [first] = off;
  if (first) {
    const what = `this clock is ${describeOffset(first.offsetMs)} of ${off.map(({ name }) => name).join(", ")}`;
    return [
      worst > LARGEST_SKEW_MS
        ? finding("clock-skew", what)
        : finding("clock-skew", what, {
            severity: "warning",
            why: "logs do not line up; it grows until certificates are refused",
          }),
    ];
  }
  // Before there is a cluster, and without outside sources, there is nothing to follow.
  if (!clock || status?.clusterId === undefined) return [];
  const judged = judgeClock(clock);
  return judged.status === "True"
    ? []
    : [
        finding(
          "clock-unsynchronized",
          judged.message,
          judged.reason === "ClockOff" ? { severity: "error" } : {},
        ),
      ];
}

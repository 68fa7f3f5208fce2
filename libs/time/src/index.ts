/** One time for all machines: what chrony is to follow, and how far a clock is off. Knows nothing of how it is run. */
export { agreement, clockOffset, LARGEST_SKEW_MS, type ClockReading } from "./agreement.ts";
export { renderConfig, type TimePlace } from "./config.ts";
export { describeOffset, judgeClock, type ClockJudgement, type ClockObserved } from "./judge.ts";
export { timeServersOfLease } from "./lease.ts";
export { planTime, type TimeAction, type TimeObserved, type TimeWish } from "./plan.ts";
export { renderSources } from "./sources.ts";
export { parseTracking, type Tracking } from "./tracking.ts";

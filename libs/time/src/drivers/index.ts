/** chrony on a real machine. */
export { ChronyOfHost } from "./chrony-of-host.ts";
export { canSetClock } from "./can-set-clock.ts";
export { readTracking } from "./read-tracking.ts";

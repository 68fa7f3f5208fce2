/** Whole clusters in one process: virtual time, a lossy network, crashes, one seed that replays it all. */
export * from "./simulation.ts";
export type { Focus } from "./faults.ts";

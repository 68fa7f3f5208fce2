import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Rng } from "../rng.ts";

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
};

/** The kernel's random numbers. */
export const systemRng: Rng = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

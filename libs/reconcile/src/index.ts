/**
 * Bringing the world to a wish, key by key: a queue that hands out each key to one worker at a time, limits of how often,
 * what a reconcile answers, and what it still waits to see. Nothing here knows what a key stands for.
 */
export * from "./expectations.ts";
export * from "./metrics.ts";
export * from "./outcome.ts";
export * from "./rate-limiter.ts";
export * from "./sighting.ts";
export * from "./work-queue.ts";

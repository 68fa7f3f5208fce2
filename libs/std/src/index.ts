/**
 * What every part needs and no part owns: time, chance, bytes, logs, waiting. Nothing here knows what a node or a
 * cluster is.
 */
export * from "./backoff.ts";
export * from "./byte-memo.ts";
export * from "./bytes.ts";
export * from "./clock.ts";
export * from "./invariant.ts";
export * from "./logger.ts";
export * from "./rng.ts";

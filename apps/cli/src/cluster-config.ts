import type { Rng } from "@cluster-os/std";

/** A new join key: 32 random bytes in base64. */
export function newJoinKey(rng: Rng): string {
  return Buffer.from(rng.bytes(32)).toString("base64");
}

/** The given file of machines that shall found a cluster together, with a join key that nobody had before. */
export function clusterConfig({ expect, rng }: { readonly expect: number; readonly rng: Rng }): string {
  return `joinKey: ${newJoinKey(rng)}\nexpect: ${expect}\n`;
}

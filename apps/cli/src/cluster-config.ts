import type { Rng } from "@cluster-os/std";

/** A new join key: 32 random bytes in base64. */
export function newJoinKey(rng: Rng): string {
  return Buffer.from(rng.bytes(32)).toString("base64");
}

export interface ClusterConfigOptions {
  readonly expect: number;
  readonly rng: Rng;
  /** How many times slower than usual hardware the machines are. */
  readonly patience?: number;
  /** How long a server must not have answered before another machine takes its place: "20s". */
  readonly failedServerGrace?: string;
}

/** The given file of machines that shall found a cluster together, with a join key that nobody had before. */
export function clusterConfig({
  expect,
  rng,
  patience = 1,
  failedServerGrace,
}: ClusterConfigOptions): string {
  const slow = patience === 1 ? "" : `patience: ${patience}\n`;
  const grace = failedServerGrace === undefined ? "" : `failedServerGrace: ${failedServerGrace}\n`;
  return `joinKey: ${newJoinKey(rng)}\nexpect: ${expect}\n${slow}${grace}`;
}

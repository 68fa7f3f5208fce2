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
  /** How many machines run the control plane at most: 1, 3 or 5. */
  readonly maxServers?: number;
}

/** The given file of machines that shall found a cluster together, with a join key that nobody had before. */
export function clusterConfig(options: ClusterConfigOptions): string {
  const { expect, rng, patience = 1, failedServerGrace, maxServers } = options;
  const lines = [
    `joinKey: ${newJoinKey(rng)}`,
    `expect: ${expect}`,
    ...(patience === 1 ? [] : [`patience: ${patience}`]),
    ...(failedServerGrace === undefined ? [] : [`failedServerGrace: ${failedServerGrace}`]),
    ...(maxServers === undefined ? [] : [`maxServers: ${maxServers}`]),
  ];
  return `${lines.join("\n")}\n`;
}

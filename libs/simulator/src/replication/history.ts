import { randomInteger } from "@cluster-os/std";
import type { ReplicationVariation } from "./machine.ts";
import { ReplicationWorld } from "./world.ts";

export interface ReplicationHistoryOptions {
  readonly seed: number;
  /** Seconds of bad luck; then half a minute without any. */
  readonly durationS?: number;
  /** Replication with one thing broken: the history has to notice. */
  readonly variation?: ReplicationVariation;
}

export interface ReplicationHistoryReport {
  readonly seed: number;
  /** What went wrong that must not; undefined when all is well. */
  readonly violation: string | undefined;
  readonly acknowledgements: number;
  /** How often a machine put a snapshot into its directory to lead from there. */
  readonly takeovers: number;
  readonly trace: readonly string[];
}

const SECOND = 1_000;
const CALM_MS = 40 * SECOND;

/**
 * One history of a directory that is kept on several machines: they crash, lose power with half-written disks, hang, are cut off,
 * have slow, full and rotting disks, burn, and the replica set changes. What a majority acknowledged must never be lost.
 */
export function runReplicationHistory(options: ReplicationHistoryOptions): ReplicationHistoryReport {
  const { seed, durationS = 40, variation = {} } = options;
  const world = new ReplicationWorld(seed, variation);
  const { ledger, trace } = world;
  try {
    while (world.now < durationS * SECOND && ledger.violation === undefined) {
      world.runUntil(world.now + 100 + randomInteger(world.rng, 2 * SECOND));
      if (ledger.violation === undefined) world.strike();
    }
    world.calm();
    // What was cut or stopped last comes back first.
    world.runUntil(world.now + CALM_MS);
    if (ledger.violation === undefined) world.checkEnd();
  } catch (error) {
    ledger.accuse(
      `something was thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  const { violation, acknowledgements, takeovers } = ledger;
  return { seed, violation, acknowledgements, takeovers, trace };
}

import { equalBytes } from "@cluster-os/std";
import { hashOf, type Hash } from "./entry.ts";
import type { Manifest, ReplicaId } from "./manifest.ts";
import { countsFor, type ReplicaReport } from "./newest.ts";
import { comparePositions, type Position } from "./position.ts";
import { nextReplicas, type SetChange } from "./replica-set.ts";

/**
 * The few decisions on which it rests that nothing acknowledged is lost, in one place. Production uses {@link SOUND_RULES};
 * the simulator replaces one at a time to show that breaking it is noticed.
 */
export interface ReplicationRules {
  /** The fewest of so many that are a majority. */
  readonly majority: (size: number) => number;
  /** Which of two positions is newer. */
  readonly compare: (left: Position, right: Position) => number;
  /** Whether a report counts towards a majority when this is chosen. */
  readonly counts: (report: ReplicaReport, chosen: Position | undefined) => boolean;
  /** Whether somebody who leads under `epoch` is refused by who promised `promised`. */
  readonly isRefused: (epoch: number, promised: number) => boolean;
  /** Whether a snapshot of `epoch` that is on disk now may be acknowledged by who has promised `promised`. */
  readonly mayAcknowledge: (epoch: number, promised: number) => boolean;
  /** Whether a snapshot is acknowledged as soon as its blocks are here, before its manifest is on disk. */
  readonly acknowledgesEarly: boolean;
  /** Whether a block is what it is called. */
  readonly isSound: (hash: Hash, bytes: Uint8Array) => boolean;
  /** Which of the snapshots kept a difference is to. */
  readonly baseOf: (snapshots: readonly Manifest[], base: Position) => Manifest | undefined;
  /** Whether what a difference made of a snapshot, by its checksum, is what the leader has. */
  readonly isRebuilt: (made: Uint8Array, told: Uint8Array) => boolean;
  /** The next replica set on the way to the one that is wished for; undefined to leave it. */
  readonly nextReplicas: (change: SetChange) => readonly ReplicaId[] | undefined;
  /** How many snapshots a machine keeps besides the newest. */
  readonly keptBefore: number;
  /** Whether a leader fetches what a majority showed it, or goes on from what it has. */
  readonly fetchesNewest: boolean;
}

export const SOUND_RULES: ReplicationRules = {
  majority: (size) => Math.floor(size / 2) + 1,
  compare: comparePositions,
  counts: countsFor,
  isRefused: (epoch, promised) => epoch < promised,
  mayAcknowledge: (epoch, promised) => epoch >= promised,
  acknowledgesEarly: false,
  isSound: (hash, bytes) => hashOf(bytes) === hash,
  baseOf: (snapshots, base) => snapshots.find((snapshot) => comparePositions(snapshot, base) === 0),
  isRebuilt: equalBytes,
  nextReplicas,
  keptBefore: 1,
  fetchesNewest: true,
};

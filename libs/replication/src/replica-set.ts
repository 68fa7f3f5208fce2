import { compareText } from "@cluster-os/std";
import type { ReplicaId } from "./manifest.ts";

export interface SetChange {
  readonly now: readonly ReplicaId[];
  readonly wish: readonly ReplicaId[];
  /** Who never goes: the leader. Another one has to lead before it can. */
  readonly leader: ReplicaId;
  /** Who keeps the newest snapshot at this moment, the leader included. */
  readonly current: readonly ReplicaId[];
}

/**
 * The next replica set: one machine more or one less, so that any majority of the old one meets any majority of the new
 * one. A machine comes in only when it keeps everything already, and none goes while that would leave a set whose majority does not
 * keep everything. Undefined when there is nothing to do, or nothing that may be done now.
 */
export function nextReplicas({ now, wish, leader, current }: SetChange): readonly ReplicaId[] | undefined {
  const isCurrent = (replica: ReplicaId): boolean => current.includes(replica);
  const coming = wish.filter((replica) => !now.includes(replica));
  const ready = coming.find(isCurrent);
  if (ready !== undefined) return [...now, ready].sort(compareText);
  // Who is to be replaced stays until the other one is there; who is too many may go.
  if (coming.length > 0 && now.length <= wish.length) return undefined;
  const going = now.filter((replica) => !wish.includes(replica) && replica !== leader);
  // Those that are behind or gone first: they are of no use to a majority.
  const first = going.find((replica) => !isCurrent(replica)) ?? going[0];
  if (first === undefined) return undefined;
  const left = now.filter((replica) => replica !== first);
  return left.filter(isCurrent).length * 2 > left.length ? left : undefined;
}

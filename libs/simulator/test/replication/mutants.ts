import { nextReplicas } from "@cluster-os/replication";
import type { ReplicationVariation } from "../../src/index.ts";

export interface ReplicationMutant {
  readonly name: string;
  readonly variation: ReplicationVariation;
  /** What must be said of it, by one of the first 200 seeds. */
  readonly violation: RegExp;
  /** The seed that showed it when it was last hunted. */
  readonly seed: number;
}

const LOST = /is lost|is acknowledged beside|begins anew|nobody is said/;
const TORN = /which nobody sealed so|is a mixture|is lost|two snapshots|nobody sealed it/;

/** Replication with one thing broken. */
export const replicationMutants: readonly ReplicationMutant[] = [
  {
    name: "half of the replicas is a majority",
    variation: { rules: { majority: (size) => Math.floor(size / 2) } },
    violation: LOST,
    seed: 1,
  },
  {
    name: "whoever comes with an earlier epoch is followed",
    variation: { rules: { isRefused: () => false } },
    violation: /goes back|is lost|beside/,
    seed: 18,
  },
  {
    name: "a promise is forgotten at a restart",
    variation: { readPromise: () => undefined },
    violation: /goes back|is lost|beside/,
    seed: 1,
  },
  {
    name: "the newest is whoever counted furthest, whatever the epoch",
    variation: {
      rules: { compare: (left, right) => left.sequence - right.sequence || left.epoch - right.epoch },
    },
    violation: LOST,
    seed: 52,
  },
  {
    name: "a candidate goes on from what it has itself",
    variation: { rules: { fetchesNewest: false } },
    violation: LOST,
    seed: 1,
  },
  {
    name: "a replica that lost what it acknowledged counts as any other",
    variation: { rules: { counts: () => true } },
    violation: LOST,
    seed: 72,
  },
  {
    name: "a block is believed to be what it is called",
    variation: { rules: { isSound: () => true } },
    violation: TORN,
    seed: 5,
  },
  {
    name: "a difference is taken for one to the oldest that is kept",
    variation: { rules: { baseOf: ([oldest]) => oldest, isRebuilt: () => true } },
    violation: TORN,
    seed: 1,
  },
  {
    name: "nothing is flushed before it is named",
    variation: { steps: (steps) => steps.filter(({ kind }) => kind !== "sync") },
    violation: /is damaged/,
    seed: 1,
  },
  {
    name: "the replica set changes in one go",
    variation: {
      rules: {
        nextReplicas: (change) => {
          const isSafe = nextReplicas(change);
          const isSame = [...change.wish].sort().join() === [...change.now].sort().join();
          return isSame || !change.wish.includes(change.leader) ? isSafe : change.wish;
        },
      },
    },
    violation: LOST,
    seed: 34,
  },
];

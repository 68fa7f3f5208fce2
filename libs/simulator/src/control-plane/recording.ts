import type { MemberChange, ModelMachine } from "./model.ts";
import type { World } from "./world.ts";

/** A machine of the model at one moment, as far as etcd goes. */
export interface RecordedMachine {
  /** "stalled" runs, and answers nobody in time. */
  readonly power: "on" | "off" | "stalled";
  /** Only machines of one group hear each other. */
  readonly group: number;
  /** Whether a member of etcd runs on it whenever the machine does. */
  readonly hasMember: boolean;
  /** Whether its member acknowledges a write: it votes, and hears a majority of the voters. */
  readonly isServed: boolean;
}

/** How things stand after something happened. */
export interface Moment {
  /** Seconds of virtual time since the beginning. */
  readonly atS: number;
  /** What was done to etcd's members since the moment before, in this order; the model refuses none. */
  readonly changes: readonly RecordedChange[];
  readonly members: readonly { readonly rank: number; readonly isLearner: boolean }[];
  /** The machine of rank 1 first. */
  readonly machines: readonly RecordedMachine[];
}

export interface RecordedChange {
  readonly kind: MemberChange["kind"];
  readonly rank: number;
}

/** Keeps what becomes of etcd in a history, so that a real one can be led through the same. */
export class Recording {
  readonly moments: Moment[] = [];
  #seen = "";
  #changesSeen = 0;

  /** Adds a moment if anything is otherwise than at the last look. */
  look(world: World): void {
    const changes = world.etcd.changes
      .slice(this.#changesSeen)
      .map(({ kind, nodeId }) => ({ kind, rank: world.find(nodeId).rank }));
    this.#changesSeen += changes.length;
    const members = world.etcd.members.map(({ nodeId, isLearner }) => ({
      rank: world.find(nodeId).rank,
      isLearner,
    }));
    const machines = world.machines.map((one) => recorded(world, one));
    const seen = JSON.stringify([members, machines]);
    if (seen === this.#seen && changes.length === 0) return;
    this.#seen = seen;
    this.moments.push({ atS: world.now / 1_000, changes, members, machines });
  }
}

function recorded(world: World, one: ModelMachine): RecordedMachine {
  const isUp = world.isUp(one);
  const hasMember = world.hasMember(one);
  return {
    power: isUp ? "on" : one.isOn ? "stalled" : "off",
    group: one.group,
    hasMember,
    isServed: isUp && hasMember && world.etcd.voters.includes(one.nodeId) && world.isServed(one),
  };
}

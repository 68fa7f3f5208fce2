import { Followers } from "./followers.ts";
import { Journal } from "./journal.ts";
import { SAFE_MODEL, type ModelMachine, type ModelRules } from "./model.ts";
import { Pilot } from "./pilot.ts";
import { Recording, type Moment } from "./recording.ts";
import { World } from "./world.ts";

export interface HistoryOptions {
  readonly seed: number;
  /** Seconds of bad luck; afterwards as many without any. */
  readonly durationS: number;
  readonly rules?: Partial<ModelRules>;
}

export interface HistoryReport {
  readonly seed: number;
  readonly machines: number;
  /** What went wrong that must not; empty when all is well. */
  readonly violations: readonly string[];
  readonly acts: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly trace: readonly string[];
}

export interface RecordedHistory extends HistoryReport {
  /** The first is the beginning; then one whenever anything changed. */
  readonly moments: readonly Moment[];
}

/**
 * One history of a cluster under autopilot: machines crash, burn, stall and are cut off, never more at once than the voters
 * of that moment can bear. So if the majority is ever lost, it was a change of members that lost it.
 */
export function runHistory(options: HistoryOptions): HistoryReport {
  return new History(options).run(options.durationS);
}

/** The same history, with all that a real etcd needs to be led through it. */
export function recordHistory(options: HistoryOptions): RecordedHistory {
  const recording = new Recording();
  const report = new History(options, recording).run(options.durationS);
  return { ...report, moments: recording.moments };
}

class History {
  readonly #seed: number;
  readonly #world: World;
  readonly #journal: Journal;
  readonly #pilot: Pilot;
  readonly #followers: Followers;
  readonly #recording: Recording | undefined;

  constructor({ seed, rules }: HistoryOptions, recording?: Recording) {
    this.#seed = seed;
    this.#world = new World(seed);
    this.#journal = new Journal(this.#world);
    const all = { ...SAFE_MODEL, ...rules };
    this.#pilot = new Pilot(this.#world, all, this.#journal);
    this.#followers = new Followers(this.#world, all, this.#journal);
    this.#recording = recording;
    this.#recording?.look(this.#world);
  }

  run(durationS: number): HistoryReport {
    const { violations, acts, trace } = this.#journal;
    const world = this.#world;
    for (let second = 0; second < 2 * durationS && violations.length === 0; second += 1) {
      world.now += 1_000;
      if (second < durationS) world.strike();
      else world.calm();
      world.watchConnections();
      this.#recording?.look(world);
      this.#step();
    }
    if (violations.length === 0) violations.push(...this.#wrongAtEnd());
    const { machines, crashes } = world;
    return { seed: this.#seed, machines: machines.length, violations, acts, crashes, trace };
  }

  #step(): void {
    for (const one of this.#world.machines) {
      if (!this.#world.isUp(one)) continue;
      this.#hear(one);
      this.#followers.follow(one);
      if (one.role === "server") this.#pilot.round(one);
      this.#recording?.look(this.#world);
    }
  }

  /** The record of the roles, by gossip: from any machine that is heard. */
  #hear(one: ModelMachine): void {
    for (const other of this.#world.machines) {
      if (other.epoch > one.epoch && this.#world.hears(one, other)) {
        one.epoch = other.epoch;
        one.servers = other.servers;
      }
    }
  }

  /** With peace for long, the right number of machines serves, all of them well. */
  #wrongAtEnd(): readonly string[] {
    const world = this.#world;
    const { etcd } = world;
    if (!world.hasQuorum) return ["no majority at the end"];
    const candidates = world.machines.filter((one) => one.isOn && !one.isRetiring).length;
    const dead = etcd.voters.filter((nodeId) => !world.find(nodeId).isOn);
    const live = etcd.voters.length - dead.length;
    const isLostListed = dead.length > 0 && candidates > live;
    // A dead member that nobody can replace is listed, and a machine that does not know of its vote is the one that the rest needs.
    const isNeeded = (one: ModelMachine): boolean =>
      one.joining === "unrecorded" && !world.isMajorityWithout(one) && dead.length > 0;
    const strange = world.machines.filter(
      (one) => one.isOn && (one.role === "server") !== etcd.voters.includes(one.nodeId) && !isNeeded(one),
    );
    return [
      ...(isLostListed ? [`at the end a lost member is listed: ${this.#journal.show()}`] : []),
      ...(strange.length > 0
        ? [`at the end ${strange.length} machines are not what etcd says: ${this.#journal.show()}`]
        : []),
    ];
  }
}

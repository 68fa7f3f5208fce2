import {
  AutopilotWatch,
  DEFAULT_AUTOPILOT_POLICY,
  planAutopilot,
  type AutopilotAction,
  type AutopilotPlan,
  type AutopilotSnapshot,
} from "@cluster-os/election";
import { randomInteger } from "@cluster-os/std";
import { SAFE_MODEL, type ModelMachine, type ModelRules } from "./model.ts";
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

const POLICY = { ...DEFAULT_AUTOPILOT_POLICY, graceMs: 60_000, joinPatienceMs: 120_000 };
const SECOND = 1_000;

/**
 * One history of a cluster under autopilot: machines crash, burn, stall and are cut off, never more at once than the voters
 * of that moment can bear. So if the majority is ever lost, it was a change of members that lost it.
 */
export function runHistory(options: HistoryOptions): HistoryReport {
  return new History(options).run(options.durationS);
}

class History {
  readonly #seed: number;
  readonly #rules: ModelRules;
  readonly #world: World;
  readonly #watches: ReadonlyMap<ModelMachine, AutopilotWatch>;
  readonly #acts: Record<string, number> = {};
  readonly #trace: string[] = [];
  readonly #violations: string[] = [];
  #leader: ModelMachine | undefined;
  #slot: { readonly holder: ModelMachine; readonly until: number } | undefined;

  constructor({ seed, rules }: HistoryOptions) {
    this.#seed = seed;
    this.#rules = { ...SAFE_MODEL, ...rules };
    this.#world = new World(seed);
    this.#watches = new Map(this.#world.machines.map((one) => [one, new AutopilotWatch(15_000)]));
  }

  run(durationS: number): HistoryReport {
    const world = this.#world;
    for (let second = 0; second < 2 * durationS && this.#violations.length === 0; second += 1) {
      world.now += SECOND;
      if (second < durationS) world.strike();
      else this.#calm();
      this.#step();
    }
    if (this.#violations.length === 0) this.#judgeEnd();
    return {
      seed: this.#seed,
      machines: world.machines.length,
      violations: this.#violations,
      acts: this.#acts,
      crashes: world.crashes,
      trace: this.#trace,
    };
  }

  #step(): void {
    const world = this.#world;
    for (const one of world.machines) {
      if (!world.isUp(one)) continue;
      this.#hear(one);
      this.#follow(one);
      if (one.role === "server") this.#plan(one);
    }
  }

  /** A change of etcd's members. It must not be what costs the majority. */
  #change(what: string, act: () => void): void {
    const had = this.#world.hasQuorum;
    act();
    this.#trace.push(`${this.#world.now / SECOND} ${what}: ${this.#show()}`);
    if (had && !this.#world.hasQuorum) this.#violations.push(`${what} at ${this.#world.now / SECOND} s cost the majority`);
    if (this.#world.etcd.voters.length === 0) this.#violations.push(`${what} left no voter`);
  }

  /** The record, by gossip: from any machine that is heard. */
  #hear(one: ModelMachine): void {
    for (const other of this.#world.machines) {
      if (other.epoch > one.epoch && this.#world.hears(one, other)) {
        one.epoch = other.epoch;
        one.servers = other.servers;
      }
    }
  }

  #plan(one: ModelMachine): void {
    const world = this.#world;
    const { etcd } = world;
    // Without a majority the API answers nothing: neither the roles nor the Lease.
    if (!etcd.voters.includes(one.nodeId) || !world.isServed(one)) return;
    if (etcd.epoch > one.epoch) Object.assign(one, { epoch: etcd.epoch, servers: etcd.servers });
    const observed = this.#watches.get(one)?.look(this.#snapshot(one), world.now);
    if (!observed) return;
    const plan = this.#planned(planAutopilot({ ...observed, policy: POLICY }, world.now), one);
    if (!this.#holdsLease(one) || plan.action.kind === "none") return;
    this.#acts[plan.action.kind] = (this.#acts[plan.action.kind] ?? 0) + 1;
    if (plan.action.kind === "bury") {
      const { nodeId } = plan.action;
      return this.#change("bury", () => etcd.remove(nodeId));
    }
    etcd.decide(plan.action);
    Object.assign(one, { epoch: etcd.epoch, servers: etcd.servers });
    this.#trace.push(`${world.now / SECOND} ${plan.action.kind} (${plan.reason}): ${this.#show()}`);
  }

  #snapshot(one: ModelMachine): AutopilotSnapshot {
    const world = this.#world;
    return {
      nodes: world.machines.map((other) => {
        const isFailed = world.isFailed(one, other);
        return {
          nodeId: other.nodeId,
          rank: other.rank,
          isAlive: !isFailed,
          isFailed,
          isReady: !isFailed && other.joining === "no",
          isRetiring: other.isRetiring,
        };
      }),
      servers: world.etcd.servers,
      epoch: world.etcd.epoch,
      voters: world.etcd.members.map(({ nodeId, isLearner }) => ({
        nodeId,
        isLearner,
        isHealthy: world.answers(one, nodeId),
      })),
    };
  }

  /** The plan, or what a broken one would say. */
  #planned(plan: AutopilotPlan, one: ModelMachine): AutopilotPlan {
    const { etcd } = this.#world;
    if (this.#rules.plan === "safe" || plan.action.kind !== "none") return plan;
    const live = etcd.voters.find((nodeId) => nodeId !== one.nodeId && this.#world.answers(one, nodeId));
    const isUnwell = etcd.voters.some((nodeId) => !this.#world.answers(one, nodeId));
    if (!isUnwell || live === undefined || !etcd.servers.includes(live)) return plan;
    const action: AutopilotAction = { kind: "demote", nodeId: live };
    return { ...plan, action, reason: "broken on purpose" };
  }

  #holdsLease(one: ModelMachine): boolean {
    const leader = this.#leader;
    const isFree = !leader || leader === one || !this.#world.isUp(leader) || !this.#world.isServed(leader);
    if (isFree) this.#leader = one;
    return this.#leader === one;
  }

  /** The slot of who changes etcd's members. */
  #takeSlot(one: ModelMachine): boolean {
    const { now } = this.#world;
    if (this.#slot && this.#slot.holder !== one && now < this.#slot.until) return false;
    this.#slot = { holder: one, until: now + 180 * SECOND };
    return true;
  }

  #follow(one: ModelMachine): void {
    const isToServe = one.servers.includes(one.nodeId);
    if (one.joining !== "no") return this.#goOn(one);
    const helper = this.#helper(one);
    if (!helper || (one.role === "server") === isToServe) return;
    if (isToServe) this.#askToJoin(one, helper);
    else this.#stepDown(one, helper);
  }

  /** Another server that answers and is served, and knows the same roles. */
  #helper(one: ModelMachine): ModelMachine | undefined {
    const world = this.#world;
    return world.machines.find(
      (other) =>
        other !== one &&
        other.role === "server" &&
        other.epoch === one.epoch &&
        world.hears(one, other) &&
        world.etcd.voters.includes(other.nodeId) &&
        world.isServed(other),
    );
  }

  #askToJoin(one: ModelMachine, helper: ModelMachine): void {
    const world = this.#world;
    const { etcd } = world;
    if (!this.#takeSlot(one)) return;
    const unwell = etcd.voters.filter((nodeId) => nodeId !== one.nodeId && !world.answers(helper, nodeId));
    if (this.#rules.joinIsChecked && unwell.some((nodeId) => one.servers.includes(nodeId))) return;
    for (const nodeId of unwell) if (!one.servers.includes(nodeId)) this.#change("bury for a joiner", () => etcd.remove(nodeId));
    if (etcd.members.some(({ nodeId }) => nodeId === one.nodeId)) {
      this.#change("forget an earlier life", () => etcd.remove(one.nodeId));
    }
    one.joining = "granted";
    one.stepAt = world.now + SECOND * (1 + randomInteger(world.rng, 10));
  }

  #goOn(one: ModelMachine): void {
    const world = this.#world;
    const { etcd } = world;
    if (world.now < one.stepAt) return;
    const helper = world.machines.find(
      (other) => other !== one && other.role === "server" && world.hears(one, other) && world.isServed(other),
    );
    const isWell = helper && etcd.voters.every((nodeId) => nodeId === one.nodeId || world.answers(helper, nodeId));
    if (!helper || (this.#rules.joinIsChecked && !isWell)) return this.#giveUp(one);
    if (one.joining === "granted") {
      if (etcd.members.some(({ isLearner }) => isLearner)) return this.#giveUp(one);
      this.#change(`${one.rank} is a learner`, () => etcd.announce(one.nodeId));
      one.joining = "copying";
      one.stepAt = world.now + SECOND * (1 + randomInteger(world.rng, 8));
      return;
    }
    if (!etcd.members.some(({ nodeId }) => nodeId === one.nodeId)) return this.#giveUp(one);
    one.joining = "no";
    one.role = "server";
    this.#change(`${one.rank} votes`, () => etcd.vote(one.nodeId));
    if (this.#slot?.holder === one) this.#slot = undefined;
  }

  /** As the driver does: its learner is withdrawn, if somebody can be reached. */
  #giveUp(one: ModelMachine): void {
    const { etcd } = this.#world;
    one.joining = "no";
    const own = etcd.members.find(({ nodeId }) => nodeId === one.nodeId);
    if (own?.isLearner && this.#world.isServed(one)) this.#change("withdraw a learner", () => etcd.remove(one.nodeId));
  }

  #stepDown(one: ModelMachine, helper: ModelMachine): void {
    const world = this.#world;
    const { etcd } = world;
    const own = etcd.members.find(({ nodeId }) => nodeId === one.nodeId);
    const others = etcd.voters.filter((nodeId) => nodeId !== one.nodeId);
    const areWell = others.length > 0 && others.every((nodeId) => world.answers(helper, nodeId));
    const isReplaced = one.servers.every((nodeId) => others.includes(nodeId));
    if (own && this.#rules.stepDownIsChecked && !(areWell && isReplaced)) return;
    if (!this.#takeSlot(one)) return;
    if (own) this.#change(`${one.rank} steps down`, () => etcd.remove(one.nodeId));
    one.role = "worker";
    this.#slot = undefined;
  }

  /** Power and network are back, but for what is burnt. */
  #calm(): void {
    for (const one of this.#world.machines) {
      if (!one.isBurnt) one.isOn = true;
      one.group = 0;
      one.stalledUntil = 0;
    }
  }

  /** With peace for long, the right number of machines serves, all of them well. */
  #judgeEnd(): void {
    const world = this.#world;
    const { etcd } = world;
    if (!world.hasQuorum) return void this.#violations.push("no majority at the end");
    const candidates = world.machines.filter((one) => one.isOn && !one.isRetiring).length;
    const dead = etcd.voters.filter((nodeId) => !world.find(nodeId).isOn);
    const live = etcd.voters.length - dead.length;
    if (dead.length > 0 && candidates > live) this.#violations.push(`at the end a lost member is listed: ${this.#show()}`);
    const strange = world.machines.filter((one) => one.isOn && (one.role === "server") !== etcd.voters.includes(one.nodeId));
    if (strange.length > 0) this.#violations.push(`at the end ${strange.length} machines are not what etcd says: ${this.#show()}`);
  }

  #show(): string {
    const { etcd } = this.#world;
    const members = etcd.members.map(({ nodeId, isLearner }) => {
      const one = this.#world.find(nodeId);
      return `${one.rank}${isLearner ? "?" : ""}${this.#world.isUp(one) ? "" : "!"}`;
    });
    const servers = etcd.servers.map((nodeId) => this.#world.find(nodeId).rank);
    return `members ${members.join(" ")}, roles ${etcd.epoch}: ${servers.join(" ")}`;
  }
}

import { randomInteger } from "@cluster-os/std";
import type { Journal } from "./journal.ts";
import type { ModelMachine, ModelRules } from "./model.ts";
import type { World } from "./world.ts";

const SECOND = 1_000;
/** How long who changes etcd's members may keep others from it, in milliseconds. */
const SLOT_MS = 180_000;
/** One of so many joins fails after the vote. */
const LATE_FAILURES = 4;

/** Machines that become what the roles say, step by step: each step takes seconds and may be the last. */
export class Followers {
  readonly #world: World;
  readonly #rules: ModelRules;
  readonly #journal: Journal;
  #slot: { readonly holder: ModelMachine; readonly until: number } | undefined;

  constructor(world: World, rules: ModelRules, journal: Journal) {
    this.#world = world;
    this.#rules = rules;
    this.#journal = journal;
  }

  follow(one: ModelMachine): void {
    const isToServe = one.servers.includes(one.nodeId);
    if (one.joining !== "no") return this.#goOn(one);
    const helper = this.#helper(one);
    if (!helper || (one.role === "server") === isToServe) return;
    if (isToServe) this.#askToJoin(one, helper);
    else this.#stepDown(one, helper);
  }

  /** Another server that helps, and knows the same roles. */
  #helper(one: ModelMachine): ModelMachine | undefined {
    return this.#world.machines.find((other) => other.epoch === one.epoch && this.#helps(one, other));
  }

  /** Another server that answers, whose etcd votes and is served. */
  #helps(one: ModelMachine, other: ModelMachine): boolean {
    const world = this.#world;
    return (
      other !== one &&
      other.role === "server" &&
      world.hears(one, other) &&
      world.etcd.voters.includes(other.nodeId) &&
      world.isServed(other)
    );
  }

  #askToJoin(one: ModelMachine, helper: ModelMachine): void {
    const { etcd, now, rng } = this.#world;
    if (!this.#takeSlot(one)) return;
    const unwell = etcd.voters.filter(
      (nodeId) => nodeId !== one.nodeId && !this.#world.answers(helper, nodeId),
    );
    if (this.#rules.joinIsChecked && unwell.some((nodeId) => one.servers.includes(nodeId))) return;
    for (const nodeId of unwell) {
      if (!one.servers.includes(nodeId)) this.#journal.change("bury for a joiner", () => etcd.remove(nodeId));
    }
    if (etcd.has(one.nodeId)) this.#journal.change("forget an earlier life", () => etcd.remove(one.nodeId));
    one.joining = "granted";
    one.stepAt = now + SECOND * (1 + randomInteger(rng, 10));
  }

  #goOn(one: ModelMachine): void {
    if (one.joining === "unrecorded") return this.#wipe(one);
    const world = this.#world;
    const { etcd, rng } = world;
    if (world.now < one.stepAt) return;
    const helper = world.machines.find((other) => this.#helps(one, other));
    const isWell =
      helper && etcd.voters.every((nodeId) => nodeId === one.nodeId || world.answers(helper, nodeId));
    if (!helper || (this.#rules.joinIsChecked && !isWell)) return this.#giveUp(one);
    if (one.joining === "granted") {
      const hasLearner = etcd.members.some(({ isLearner }) => isLearner);
      if (hasLearner || !world.mayAnnounce(helper)) return this.#giveUp(one);
      this.#journal.change(`${one.rank} is a learner`, () => etcd.announce(one.nodeId));
      one.joining = "copying";
      one.stepAt = world.now + SECOND * (1 + randomInteger(rng, 8));
      return;
    }
    if (!etcd.has(one.nodeId)) return this.#giveUp(one);
    this.#journal.change(`${one.rank} votes`, () => {
      etcd.vote(one.nodeId);
      one.joining = "unrecorded";
    });
    if (randomInteger(rng, LATE_FAILURES) === 0) {
      one.stepAt = world.now + SECOND * (1 + randomInteger(rng, 8));
      return;
    }
    one.joining = "no";
    one.role = "server";
    if (this.#slot?.holder === one) this.#slot = undefined;
  }

  /** What failed after the vote begins anew, as the driver's reset does it. */
  #wipe(one: ModelMachine): void {
    const { etcd, now } = this.#world;
    if (now < one.stepAt) return;
    const { voteIsGivenBack, wipeIsChecked } = this.#rules;
    if (voteIsGivenBack && !this.#world.isServed(one)) return;
    if (voteIsGivenBack && wipeIsChecked && !this.#world.isMajorityWithout(one)) return;
    this.#journal.change(`${one.rank} wipes its vote's data`, () => {
      if (voteIsGivenBack) etcd.remove(one.nodeId);
      one.joining = "no";
    });
  }

  /** As the driver does: its learner is withdrawn, if somebody can be reached. */
  #giveUp(one: ModelMachine): void {
    const { etcd } = this.#world;
    one.joining = "no";
    const own = etcd.members.find(({ nodeId }) => nodeId === one.nodeId);
    if (own?.isLearner && this.#world.isServed(one))
      this.#journal.change("withdraw a learner", () => etcd.remove(one.nodeId));
  }

  #stepDown(one: ModelMachine, helper: ModelMachine): void {
    const { etcd } = this.#world;
    const others = etcd.voters.filter((nodeId) => nodeId !== one.nodeId);
    const areWell = others.length > 0 && others.every((nodeId) => this.#world.answers(helper, nodeId));
    const isReplaced = one.servers.every((nodeId) => others.includes(nodeId));
    const isListed = etcd.has(one.nodeId);
    if (isListed && this.#rules.stepDownIsChecked && !(areWell && isReplaced)) return;
    if (!this.#takeSlot(one)) return;
    if (isListed) this.#journal.change(`${one.rank} steps down`, () => etcd.remove(one.nodeId));
    one.role = "worker";
    this.#slot = undefined;
  }

  /** The slot of who changes etcd's members. */
  #takeSlot(one: ModelMachine): boolean {
    const { now } = this.#world;
    if (this.#slot && this.#slot.holder !== one && now < this.#slot.until) return false;
    this.#slot = { holder: one, until: now + SLOT_MS };
    return true;
  }
}

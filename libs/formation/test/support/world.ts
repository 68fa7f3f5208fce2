import {
  generateAgreementKey,
  generateIdentity,
  type AgreementKey,
  type Identity,
  type NodeId,
} from "@cluster-os/identity";
import { seededRng, type Instant } from "@cluster-os/std";
import { DEFAULT_FORMATION_CONFIG, type FormationConfig } from "../../src/config.ts";
import type { Peer } from "../../src/context.ts";
import type { FormationEffect } from "../../src/effect.ts";
import { Formation } from "../../src/formation.ts";
import type { FormationInput } from "../../src/formation-interface.ts";
import { JoinKey } from "../../src/join-key.ts";
import { SAFE_RULES } from "../../src/rules.ts";
import { decodeNodeState, encodeNodeState, NodeStore } from "../../src/state.ts";

export const JOIN_KEY = new Uint8Array(32).fill(5);

export interface MachineOptions {
  readonly expect?: number;
  /** Undefined is the usual one; "none" is none at all. */
  readonly joinKey?: Uint8Array | "none";
  readonly lanSubnets?: readonly string[];
  /** The number whose keys it has; its own by default. */
  readonly keysOf?: number;
}

/** One machine of a world: a Formation, the disk it wrote, and every effect it had. */
export class Machine {
  readonly address: string;
  readonly identity: Identity;
  readonly sealing: AgreementKey;
  readonly effects: FormationEffect[] = [];
  readonly options: MachineOptions;
  formation!: Formation;
  store!: NodeStore;
  disk: Uint8Array | undefined;
  isUp = false;

  constructor(number: number, options: MachineOptions) {
    const rng = seededRng(100 + (options.keysOf ?? number));
    this.address = `10.0.0.${number}:8686`;
    this.options = options;
    this.identity = generateIdentity(rng);
    this.sealing = generateAgreementKey(rng);
  }

  get nodeId(): NodeId {
    return this.identity.nodeId;
  }

  of<Kind extends FormationEffect["kind"]>(kind: Kind): Extract<FormationEffect, { kind: Kind }>[] {
    return this.effects.filter(
      (effect): effect is Extract<FormationEffect, { kind: Kind }> => effect.kind === kind,
    );
  }

  get clusterId(): string | undefined {
    return this.formation.ledger?.genesis.clusterId;
  }
}

/**
 * Machines on one perfect LAN, with virtual time: what membership does between members is done by hand here (whoever is
 * up is alive, messages and statements arrive), so that formation is tested alone. libs/simulator tests the whole.
 */
export class World {
  readonly machines: Machine[] = [];
  readonly config: FormationConfig;
  now: Instant = 0;
  /** Whether what one machine sends reaches the other. */
  isLinked: (from: Machine, to: Machine) => boolean = () => true;
  #queue: { readonly at: Instant; readonly act: () => void }[] = [];

  constructor(config: Partial<FormationConfig> = {}) {
    this.config = { ...DEFAULT_FORMATION_CONFIG, ...config };
  }

  add(options: MachineOptions = {}): Machine {
    const machine = new Machine(this.machines.length + 1, options);
    this.machines.push(machine);
    this.start(machine);
    return machine;
  }

  start(machine: Machine): void {
    const number = this.machines.indexOf(machine) + 1;
    const { joinKey, expect, lanSubnets = [] } = machine.options;
    machine.store = new NodeStore(decodeNodeState(machine.disk));
    machine.store.change({ bootCounter: machine.store.state.bootCounter + 1 });
    machine.formation = new Formation({
      identity: machine.identity,
      wireguardKey: generateAgreementKey(seededRng(500 + number)).publicKey,
      sealing: machine.sealing,
      joinKey: new JoinKey(joinKey === "none" ? undefined : (joinKey ?? JOIN_KEY)),
      expect,
      rng: seededRng(number * 1000 + machine.store.state.bootCounter),
      wallTime: () => 1_700_000_000_000 + this.now,
      config: this.config,
      rules: SAFE_RULES,
      store: machine.store,
      lanSubnets: () => lanSubnets,
      peers: () => this.#peersOf(machine),
      now: this.now,
    });
    machine.isUp = true;
    this.feed(machine, { kind: "wake" });
  }

  stop(machine: Machine): void {
    machine.isUp = false;
  }

  feed(machine: Machine, input: FormationInput): void {
    if (!machine.isUp) return;
    const effects = machine.formation.step(input, this.now);
    if (machine.store.takeDue(Infinity)) machine.disk = encodeNodeState(machine.store.state);
    machine.effects.push(...effects);
    for (const effect of effects) this.#apply(machine, effect);
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const wakeAt = Math.min(
        ...this.machines.filter(({ isUp }) => isUp).map(({ formation }) => formation.wakeAt),
      );
      this.#queue.sort((left, right) => left.at - right.at);
      const next = Math.min(wakeAt, this.#queue[0]?.at ?? Infinity);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (this.#queue[0] && this.#queue[0].at <= this.now) {
        this.#queue.shift()?.act();
        continue;
      }
      for (const machine of this.machines) {
        if (machine.isUp && machine.formation.wakeAt <= this.now) this.feed(machine, { kind: "wake" });
      }
    }
    this.now = end;
  }

  /** Lets time pass until something is so; fails after `limitMs`. */
  runUntil(isSo: () => boolean, limitMs = 60_000): void {
    const end = this.now + limitMs;
    while (!isSo()) {
      if (this.now >= end) throw new Error(`it was not so after ${limitMs} ms`);
      this.run(50);
    }
  }

  #apply(machine: Machine, effect: FormationEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#deliver(machine, effect.bytes, (to) => to.address === effect.to);
      case "multicast":
        return this.#deliver(machine, effect.bytes, (to) => to !== machine);
      case "tell":
        for (const to of this.machines) {
          if (to.nodeId !== effect.to || !this.isLinked(machine, to)) continue;
          const { topic, body } = effect;
          this.#later(() => this.feed(to, { kind: "message", from: machine.nodeId, topic, body }));
        }
        return;
      case "publish":
        for (const to of this.machines) {
          if (to === machine || !this.isLinked(machine, to)) continue;
          this.#later(() => {
            if (to.isUp) to.formation.ledger?.learn(effect, this.now);
          });
        }
        return;
      default:
        return;
    }
  }

  #deliver(from: Machine, bytes: Uint8Array, isRecipient: (machine: Machine) => boolean): void {
    for (const to of this.machines) {
      if (!isRecipient(to) || !this.isLinked(from, to)) continue;
      this.#later(() => this.feed(to, { kind: "datagram", from: from.address, bytes }));
    }
  }

  #later(act: () => void): void {
    this.#queue.push({ at: this.now + 1, act });
  }

  #peersOf(machine: Machine): Peer[] {
    const ledger = machine.formation.ledger;
    if (!ledger) return [];
    return this.machines
      .filter((other) => other !== machine && ledger.roster.isAdmitted(other.nodeId))
      .map((other) => ({
        nodeId: other.nodeId,
        address: other.address,
        isAlive: other.isUp && other.clusterId === ledger.genesis.clusterId && this.isLinked(other, machine),
        isServer: ledger.genesis.payload.servers.includes(other.nodeId),
      }));
  }
}

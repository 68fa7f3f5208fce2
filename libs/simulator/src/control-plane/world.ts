import { nodeIdOf, type NodeId } from "@cluster-os/identity";
import { randomInteger, seededRng, type Instant, type Rng } from "@cluster-os/std";
import { ModelEtcd, type ModelMachine } from "./model.ts";

/** How long the members take to agree that a machine is failed, in milliseconds. */
const GOSSIP_DELAY_MS = 6_000;
/** etcd's HealthInterval: how long all voters have to be connected before a new member is let in, in milliseconds. */
const HEALTH_INTERVAL_MS = 5_000;

/** Machines, their network, and what becomes of both. */
export class World {
  readonly rng: Rng;
  readonly machines: readonly ModelMachine[];
  readonly etcd: ModelEtcd;
  now: Instant = 0;
  crashes = 0;
  readonly #known: ReadonlyMap<NodeId, ModelMachine>;
  readonly #unheardSince = new Map<string, Instant>();
  /** When the members on two machines were last not connected, by their ranks. */
  readonly #apartAt: readonly Instant[][];

  constructor(seed: number) {
    this.rng = seededRng(seed);
    const size = 1 + randomInteger(this.rng, 9);
    const count = size < 3 ? 1 : size < 7 ? 3 : 3 + 2 * randomInteger(this.rng, 2);
    this.machines = Array.from({ length: size }, (_, at) => machine(at + 1, at < count));
    this.#known = new Map(this.machines.map((one) => [one.nodeId, one]));
    this.etcd = new ModelEtcd(this.machines.slice(0, count).map(({ nodeId }) => nodeId));
    for (const one of this.machines) one.servers = this.etcd.servers;
    this.#apartAt = this.machines.map(() => this.machines.map(() => 0));
  }

  find(nodeId: NodeId): ModelMachine {
    return this.#known.get(nodeId) as ModelMachine;
  }

  isUp(one: ModelMachine): boolean {
    return one.isOn && this.now >= one.stalledUntil;
  }

  hears(one: ModelMachine, other: ModelMachine): boolean {
    return this.isUp(one) && this.isUp(other) && one.group === other.group;
  }

  /** Whether a machine keeps a member of etcd running; it may not know that this one was removed. */
  hasMember(one: ModelMachine): boolean {
    return one.role === "server" || ["copying", "unrecorded"].includes(one.joining);
  }

  /** Whether the member on a machine answers another machine. */
  answers(asker: ModelMachine, nodeId: NodeId): boolean {
    const other = this.find(nodeId);
    return this.hears(asker, other) && this.hasMember(other);
  }

  /** A majority of the voters that hear each other, seen from a machine. */
  isServed(asker: ModelMachine): boolean {
    return this.etcd.hasMajority((nodeId) => this.answers(asker, nodeId));
  }

  /** Whether the voters that one hears, itself left out, are a majority of what would be left without it. */
  isMajorityWithout(one: ModelMachine): boolean {
    const others = this.etcd.voters.filter((nodeId) => nodeId !== one.nodeId);
    return others.filter((nodeId) => this.answers(one, nodeId)).length * 2 > others.length;
  }

  /** Whether the member on a machine lets a new one in: it has been connected to all voters for a while. */
  mayAnnounce(asked: ModelMachine): boolean {
    const { etcd } = this;
    return etcd.voters.every((nodeId) => {
      const other = this.find(nodeId);
      return other === asked || this.now - (this.#row(asked)[other.rank - 1] as Instant) > HEALTH_INTERVAL_MS;
    });
  }

  /** To be called once a second: remembers which members are connected. */
  watchConnections(): void {
    for (const one of this.machines) {
      for (const other of this.machines) {
        const isConnected = this.hasMember(one) && this.answers(one, other.nodeId);
        if (!isConnected) this.#row(one)[other.rank - 1] = this.now;
      }
    }
  }

  /** What gossip says: it lags. */
  isFailed(asker: ModelMachine, other: ModelMachine): boolean {
    const key = `${asker.rank}>${other.rank}`;
    if (this.hears(asker, other)) this.#unheardSince.delete(key);
    else if (!this.#unheardSince.has(key)) this.#unheardSince.set(key, this.now);
    return this.now - (this.#unheardSince.get(key) ?? this.now) >= GOSSIP_DELAY_MS;
  }

  /** Whether a majority of the voters runs and is together somewhere. */
  get hasQuorum(): boolean {
    return this.machines.some((one) => one.role === "server" && this.isServed(one));
  }

  /** One second of bad luck, but never more of it than the voters there are can bear. */
  strike(): void {
    for (const one of this.machines) this.#change(one);
    if (this.#chance(400)) this.#splitOrHeal();
  }

  /** Power and network are back, but for what is burnt. */
  calm(): void {
    for (const one of this.machines) {
      if (!one.isBurnt) one.isOn = true;
      one.group = 0;
      one.stalledUntil = 0;
    }
  }

  #row(one: ModelMachine): Instant[] {
    return this.#apartAt[one.rank - 1] as Instant[];
  }

  #change(one: ModelMachine): void {
    if (!one.isOn) {
      if (!one.isBurnt && this.#chance(90)) one.isOn = true;
      return;
    }
    if (this.#chance(600)) return this.#try(one, () => this.#crash(one));
    if (this.#chance(500)) {
      const length = 1_000 * (1 + randomInteger(this.rng, 40));
      return this.#try(one, () => (one.stalledUntil = this.now + length));
    }
    if (this.#chance(4_000)) one.isRetiring = !one.isRetiring;
  }

  #crash(one: ModelMachine): void {
    this.crashes += 1;
    one.isOn = false;
    one.isBurnt = this.#chance(3);
    // Its data and its vote outlive a loss of power.
    if (one.joining !== "unrecorded") one.joining = "no";
  }

  /** Undone if it leaves no majority: then it was more than a cluster can bear, whoever runs it. */
  #try(one: ModelMachine, act: () => void): void {
    const before = { ...one };
    const { crashes } = this;
    const had = this.hasQuorum;
    act();
    if (!had || this.hasQuorum) return;
    Object.assign(one, before);
    this.crashes = crashes;
  }

  #splitOrHeal(): void {
    const before = this.machines.map(({ group }) => group);
    const isWhole = before.every((group) => group === 0);
    const had = this.hasQuorum;
    for (const one of this.machines) one.group = isWhole ? randomInteger(this.rng, 2) : 0;
    if (had && !this.hasQuorum) for (const [at, one] of this.machines.entries()) one.group = before[at] ?? 0;
  }

  #chance(oneIn: number): boolean {
    return randomInteger(this.rng, oneIn) === 0;
  }
}

function machine(rank: number, isServer: boolean): ModelMachine {
  return {
    nodeId: nodeIdOf(new Uint8Array(32).fill(rank)),
    rank,
    isOn: true,
    isBurnt: false,
    stalledUntil: 0,
    group: 0,
    isRetiring: false,
    role: isServer ? "server" : "worker",
    epoch: 0,
    servers: [],
    joining: "no",
    stepAt: 0,
  };
}

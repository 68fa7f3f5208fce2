import { identityFromSeed, type Identity, type NodeId } from "@cluster-os/identity";
import { invariant, seededRng, type Instant, type Rng } from "@cluster-os/std";
import {
  Membership,
  type Address,
  type MembershipConfig,
  type MembershipEffect,
  type MembershipInput,
  type MemberStatus,
  type NodeDescription,
  type RingKey,
} from "../src/index.ts";

export const CLUSTER_ID = "0123456789abcdef0123456789abcdef";
export const RING_KEY: RingKey = { id: 1, key: new Uint8Array(32).fill(7) };

const identities = new Map<number, Identity>();

export function identityNumber(number: number): Identity {
  const known = identities.get(number) ?? identityFromSeed(seededRng(10_000 + number).bytes(32));
  identities.set(number, known);
  return known;
}

export function descriptionNumber(number: number): NodeDescription {
  return {
    wireguardKey: new Uint8Array(32).fill(number),
    sealingKey: new Uint8Array(32).fill(number + 1),
    ringKeyId: 1,
    gossipPort: 8686,
    wireguardPort: 51820,
    capabilities: { cpu: 2, memoryBytes: 2 ** 33, gpus: 0 },
    roles: ["worker"],
    kubernetes: { state: "ready", epoch: 1 },
    lifecycle: "serve",
    version: "0.1.0",
  };
}

export interface NodeOptions {
  readonly bootCounter?: number;
  readonly clusterId?: string;
  readonly ringKeys?: readonly RingKey[];
  readonly isAdmitted?: (nodeId: NodeId) => boolean;
  readonly verifyFact?: (key: string, bytes: Uint8Array) => { version: number } | undefined;
  readonly config?: Partial<MembershipConfig>;
}

export interface StatusChange {
  readonly at: Instant;
  readonly nodeId: NodeId;
  readonly status: MemberStatus;
  readonly previous: MemberStatus | undefined;
}

/** A node of the test network, with all that it told its user. */
export interface TestNode {
  readonly number: number;
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly membership: Membership;
  readonly changes: StatusChange[];
  readonly effects: MembershipEffect[];
}

export interface NetworkOptions {
  readonly seed: number;
  /** The share of messages that are lost, 0 to 1. */
  readonly loss?: number;
  readonly latencyMs?: number;
}

interface Delivery {
  readonly at: Instant;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

/** Nodes on a network with loss and delay, in virtual time. Fact versions are the first byte of the fact. */
export class MiniNetwork {
  now: Instant = 1_000;
  sentBytes = 0;
  sentCount = 0;
  readonly nodes: TestNode[] = [];
  readonly #options: NetworkOptions;
  readonly #rng: Rng;
  readonly #dead = new Set<number>();
  #deliveries: Delivery[] = [];
  #canPass: (from: number, to: number) => boolean = () => true;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#rng = seededRng(options.seed);
  }

  add(number: number, options: NodeOptions = {}): TestNode {
    const identity = identityNumber(number);
    const node: TestNode = {
      number,
      nodeId: identity.nodeId,
      address: addressOf(number),
      changes: [],
      effects: [],
      membership: new Membership({
        identity,
        rng: seededRng(this.#options.seed * 1_000 + number),
        clusterId: options.clusterId ?? CLUSTER_ID,
        ringKeys: options.ringKeys ?? [RING_KEY],
        bootCounter: options.bootCounter ?? 1,
        description: descriptionNumber(number),
        isAdmitted: options.isAdmitted ?? (() => true),
        verifyFact:
          options.verifyFact ?? ((_key, bytes) => (bytes.length > 0 ? { version: bytes[0]! } : undefined)),
        ...(options.config && { config: options.config }),
        now: this.now,
      }),
    };
    this.nodes.splice(0, this.nodes.length, ...this.nodes.filter((other) => other.number !== number), node);
    this.#dead.delete(number);
    return node;
  }

  node(number: number): TestNode {
    const found = this.nodes.find((node) => node.number === number);
    invariant(found, `there is a node ${number}`);
    return found;
  }

  kill(number: number): void {
    this.#dead.add(number);
  }

  get alive(): readonly TestNode[] {
    return this.nodes.filter(({ number }) => !this.#dead.has(number));
  }

  /** Only messages between two of one side pass. */
  partition(...sides: readonly (readonly number[])[]): void {
    this.#canPass = (from, to) => sides.some((side) => side.includes(from) && side.includes(to));
  }

  heal(): void {
    this.#canPass = () => true;
  }

  feed(number: number, input: MembershipInput): readonly MembershipEffect[] {
    const node = this.node(number);
    const effects = node.membership.step(input, this.now);
    for (const effect of effects) this.#carryOut(node, effect);
    return effects;
  }

  /** Runs until `isDone`, or throws when `limitMs` of virtual time are over; returns how long it took. */
  runUntil(what: string, limitMs: number, isDone: () => boolean): number {
    const start = this.now;
    while (!isDone()) {
      invariant(this.now - start <= limitMs, `${what} within ${limitMs} ms (seed ${this.#options.seed})`);
      this.#advance(start + limitMs + 1);
    }
    return this.now - start;
  }

  run(durationMs: number): void {
    const end = this.now + durationMs;
    while (this.now < end) this.#advance(end);
  }

  /** Whether each living node holds each of `numbers` to be of that status. */
  allSee(numbers: readonly number[], status: MemberStatus, observers = this.alive): boolean {
    return observers.every((observer) => {
      const seen = new Map(observer.membership.members().map((member) => [member.nodeId, member.status]));
      return numbers.every((number) => seen.get(identityNumber(number).nodeId) === status);
    });
  }

  #advance(end: Instant): void {
    const nextWake = Math.min(...this.alive.map(({ membership }) => membership.wakeAt));
    const nextDelivery = this.#deliveries[0]?.at ?? Infinity;
    this.now = Math.max(this.now, Math.min(end, nextWake, nextDelivery));
    while (this.#deliveries[0] && this.#deliveries[0].at <= this.now)
      this.#deliver(this.#deliveries.shift()!);
    for (const { number, membership } of this.alive) {
      if (membership.wakeAt <= this.now) this.feed(number, { kind: "wake" });
    }
  }

  #deliver({ from, to, bytes }: Delivery): void {
    const number = numberOf(to);
    if (this.#dead.has(number) || !this.nodes.some((node) => node.number === number)) return;
    this.feed(number, { kind: "datagram", from, bytes });
  }

  #carryOut(node: TestNode, effect: MembershipEffect): void {
    node.effects.push(effect);
    if (effect.kind === "send") return this.#send(node, effect.to, effect.bytes);
    if (effect.kind !== "member-changed") return;
    const { member, previous } = effect;
    node.changes.push({ at: this.now, nodeId: member.nodeId, status: member.status, previous });
  }

  #send(node: TestNode, to: Address, bytes: Uint8Array): void {
    this.sentBytes += bytes.length + 48;
    this.sentCount += 1;
    if (!this.#canPass(node.number, numberOf(to))) return;
    // What is larger than a datagram goes over TCP, which repairs loss.
    if (bytes.length <= 1_200 && this.#rng.fraction() < (this.#options.loss ?? 0)) return;
    const latencyMs = (this.#options.latencyMs ?? 1) * (0.5 + this.#rng.fraction());
    const delivery = { at: this.now + latencyMs, from: node.address, to, bytes };
    const index = this.#deliveries.findIndex(({ at }) => at > delivery.at);
    if (index < 0) this.#deliveries.push(delivery);
    else this.#deliveries.splice(index, 0, delivery);
  }
}

export function addressOf(number: number): Address {
  return `[fe80::${number}%eth0]:8686`;
}

function numberOf(address: Address): number {
  return Number(/^\[fe80::([0-9]+)%eth0\]/.exec(address)?.[1]);
}

export function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A cluster of `count` nodes (numbers from 1) that all know each other. */
export function formedCluster(count: number, options: NetworkOptions, node: NodeOptions = {}): MiniNetwork {
  const network = new MiniNetwork(options);
  for (const number of range(1, count)) network.add(number, node);
  for (const number of range(2, count)) network.feed(number, { kind: "join", seeds: [addressOf(1)] });
  network.runUntil("all know all", 30_000, () => network.allSee(range(1, count), "alive"));
  return network;
}

import {
  generateAgreementKey,
  generateIdentity,
  type AgreementKey,
  type Identity,
  type NodeId,
} from "@cluster-os/identity";
import { seededRng, type Instant } from "@cluster-os/std";
import {
  NodeProtocol,
  type NodeProtocolEffect,
  type NodeProtocolInput,
  type OwnDescription,
} from "../../src/index.ts";

/** Shorter than usual: most of what matters comes after it. */
export const RING_RETIRE_MS = 8_000;

export function description(state = "none"): OwnDescription {
  return {
    gossipPort: 8686,
    wireguardPort: 51820,
    capabilities: { cpu: 2, memoryBytes: 4 * 2 ** 30, gpus: 0 },
    roles: [],
    kubernetes: { state, epoch: 0 },
    version: "0.1.0",
  };
}

/** A node's protocol with its disk; restarts from what it persisted. */
export class ProtocolNode {
  readonly identity: Identity;
  readonly sealing: AgreementKey;
  readonly address: string;
  readonly expect: number;
  readonly number: number;
  protocol!: NodeProtocol;
  disk: Uint8Array | undefined;
  effects: NodeProtocolEffect[] = [];
  starts = 0;
  readonly clockAheadMs: number;

  constructor(number: number, expect: number, now: Instant, clockAheadMs = 0, copied?: ProtocolNode) {
    this.clockAheadMs = clockAheadMs;
    const rng = seededRng(300 + (copied?.number ?? number));
    this.disk = copied?.disk;
    this.number = number;
    this.identity = generateIdentity(rng);
    this.sealing = generateAgreementKey(rng);
    this.address = `10.0.0.${number}:8686`;
    this.expect = expect;
    this.start(now);
  }

  get nodeId(): NodeId {
    return this.identity.nodeId;
  }

  start(now: Instant): void {
    this.starts += 1;
    this.protocol = new NodeProtocol({
      identity: this.identity,
      wireguardKey: this.sealing.publicKey,
      sealing: this.sealing,
      joinKey: new Uint8Array(32).fill(5),
      expect: this.expect,
      description: description(),
      config: { ringRetireMs: RING_RETIRE_MS },
      lanSubnets: [],
      ...(this.disk && { state: this.disk }),
      rng: seededRng(this.number * 100 + this.starts),
      wallTime: () => 1_700_000_000_000 + this.clockAheadMs,
      now,
    });
  }

  of<Kind extends NodeProtocolEffect["kind"]>(kind: Kind): Extract<NodeProtocolEffect, { kind: Kind }>[] {
    return this.effects.filter(
      (effect): effect is Extract<NodeProtocolEffect, { kind: Kind }> => effect.kind === kind,
    );
  }
}

/** Nodes on one LAN, each datagram a millisecond on its way. */
export class Lan {
  readonly nodes: ProtocolNode[] = [];
  readonly expect: number;
  now: Instant = 0;
  /** Whether multicast works; unicast always does. */
  hasMulticast = true;
  /** Whether a datagram arrives. */
  isReached: (from: ProtocolNode, to: ProtocolNode) => boolean = () => true;
  /** Sees everything that is sent, whether it arrives or not. */
  overhear: (bytes: Uint8Array, from: ProtocolNode) => void = () => {};
  /** How often something else came before a `persist` in a step. */
  latePersists = 0;
  #queue: { readonly at: Instant; readonly act: () => void }[] = [];

  constructor(expect: number) {
    this.expect = expect;
  }

  /** One more node, whose wall clock is ahead of the others' by this. */
  add(clockAheadMs = 0): ProtocolNode {
    const node = new ProtocolNode(this.nodes.length + 1, this.expect, this.now, clockAheadMs);
    this.nodes.push(node);
    return node;
  }

  /** A machine that was started from a copy of another's disk. */
  addCopy(of: ProtocolNode): ProtocolNode {
    const node = new ProtocolNode(this.nodes.length + 1, this.expect, this.now, 0, of);
    this.nodes.push(node);
    return node;
  }

  feed(node: ProtocolNode, input: NodeProtocolInput): readonly NodeProtocolEffect[] {
    const effects = node.protocol.step(input, this.now);
    node.effects.push(...effects);
    this.latePersists += effects.slice(1).filter(({ kind }) => kind === "persist").length;
    for (const effect of effects) {
      if (effect.kind === "persist") node.disk = effect.state;
      else if (effect.kind === "send")
        this.#deliver(node, effect.bytes, ({ address }) => address === effect.to);
      else if (effect.kind === "multicast" && this.hasMulticast)
        this.#deliver(node, effect.bytes, (to) => to !== node);
    }
    return effects;
  }

  runUntil(isSo: () => boolean, limitMs = 60_000): void {
    const end = this.now + limitMs;
    while (!isSo()) {
      if (this.now > end) throw new Error(`it was not so after ${limitMs} ms`);
      this.now = Math.max(this.now + 1, Math.min(end + 1, Math.ceil(this.#nextAt())));
      const due = this.#queue.filter(({ at }) => at <= this.now);
      this.#queue = this.#queue.filter(({ at }) => at > this.now);
      for (const { act } of due) act();
      for (const node of this.nodes) if (node.protocol.wakeAt <= this.now) this.feed(node, { kind: "wake" });
    }
  }

  run(ms: number): void {
    const end = this.now + ms;
    this.#queue.push({ at: end, act: () => {} });
    this.runUntil(() => this.now >= end, ms);
  }

  /** When something happens next: nothing changes before. */
  #nextAt(): Instant {
    const wakes = this.nodes.map(({ protocol }) => protocol.wakeAt);
    return Math.min(...wakes, ...this.#queue.map(({ at }) => at));
  }

  #deliver(from: ProtocolNode, bytes: Uint8Array, isRecipient: (node: ProtocolNode) => boolean): void {
    this.overhear(bytes, from);
    for (const to of this.nodes.filter(isRecipient)) {
      if (!this.isReached(from, to)) continue;
      this.#queue.push({
        at: this.now + 1,
        act: () => this.feed(to, { kind: "datagram", from: from.address, bytes }),
      });
    }
  }
}

import type { NodeId } from "@cluster-os/identity";
import { shuffled, type Instant } from "@cluster-os/std";
import { asHeardFrom, withoutZone } from "./address.ts";
import { receiverOf, sendTo, type Core } from "./core.ts";
import type { Address } from "./member.ts";
import type { Body } from "./message.ts";
import { Prober, type ProbeAction } from "./prober.ts";
import { Relays } from "./relays.ts";

/** Of the probe timeout, how much one who was asked to ping waits before it says that it has no answer (Lifeguard). */
const NACK_SHARE = 0.8;

/** Notices who does not answer: pings in turn, has others ping, and pings for others. */
export class Detector {
  readonly #core: Core;
  readonly #prober: Prober;
  readonly #relays = new Relays();
  readonly #onUnanswered: (nodeId: NodeId, now: Instant) => void;

  constructor(core: Core, onUnanswered: (nodeId: NodeId, now: Instant) => void, now: Instant) {
    this.#core = core;
    this.#onUnanswered = onUnanswered;
    this.#prober = new Prober(core.config, core.awareness, core.rng, now);
  }

  get wakeAt(): Instant {
    return Math.min(this.#prober.wakeAt, this.#relays.wakeAt);
  }

  wake(now: Instant): void {
    if (now >= this.#prober.wakeAt) {
      const candidates = this.#core.self.hasLeft
        ? []
        : this.#core.table.reachable().map(({ nodeId }) => nodeId);
      for (const action of this.#prober.step(now, candidates)) this.#act(action, now);
    }
    for (const { origin, originAddress, originSequence } of this.#relays.dueNacks(now)) {
      this.#send(origin, { kind: "nack", sequence: originSequence }, originAddress);
    }
  }

  postpone(ms: number): void {
    this.#prober.postpone(ms);
  }

  /** An answer to a ping of this node. */
  acknowledged(sequence: number): void {
    if (this.#prober.answered(sequence)) return;
    const relay = this.#relays.answered(sequence);
    if (relay) this.#send(relay.origin, { kind: "ack", sequence: relay.originSequence }, relay.originAddress);
  }

  nacked(sequence: number): void {
    this.#prober.nacked(sequence);
  }

  /** Someone wants this node to ping a third; this node's own address of it is better than one it was told. */
  relay(
    origin: NodeId,
    from: Address,
    request: Body & { readonly kind: "ping-request" },
    now: Instant,
  ): void {
    if (!this.#core.isAdmitted(request.target)) return;
    const receiver =
      receiverOf(this.#core, request.target) ??
      receiverOf(this.#core, request.target, asHeardFrom(request.address, from));
    if (!receiver) return;
    const sequence = this.#prober.takeSequence();
    const { probeTimeoutMs, probeIntervalMs } = this.#core.config;
    const times = { nackAt: now + probeTimeoutMs * NACK_SHARE, dropAt: now + 2 * probeIntervalMs };
    this.#relays.add(sequence, { origin, originAddress: from, originSequence: request.sequence }, times);
    this.#send(request.target, { kind: "ping", sequence }, receiver.address);
  }

  #act(action: ProbeAction, now: Instant): void {
    switch (action.kind) {
      case "ping":
        return this.#send(action.target, { kind: "ping", sequence: action.sequence });
      case "ask-others":
        return this.#askOthers(action.target, action.sequence);
      case "unanswered":
        return this.#onUnanswered(action.target, now);
      default:
        action satisfies never;
    }
  }

  #askOthers(target: NodeId, sequence: number): void {
    const { table, config, rng } = this.#core;
    const others = table.reachable().filter(({ nodeId, status }) => nodeId !== target && status === "alive");
    const asked = shuffled(rng, others).slice(0, config.indirectProbes);
    const address = withoutZone(table.get(target)?.address ?? "");
    for (const { nodeId } of asked) this.#send(nodeId, { kind: "ping-request", sequence, target, address });
    this.#prober.asked(asked.length);
  }

  #send(nodeId: NodeId, body: Body, address?: Address): void {
    const receiver = receiverOf(this.#core, nodeId, address);
    if (receiver) sendTo(this.#core, receiver, body);
  }
}

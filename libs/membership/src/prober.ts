import type { NodeId } from "@cluster-os/identity";
import { randomInteger, type Instant, type Rng } from "@cluster-os/std";
import type { Awareness } from "./awareness.ts";
import type { MembershipConfig } from "./config.ts";
import { ProbeOrder } from "./probe-order.ts";

export type ProbeAction =
  | { readonly kind: "ping"; readonly target: NodeId; readonly sequence: number }
  /** Ask that many others to ping the target; tell the prober how many were asked. */
  | { readonly kind: "ask-others"; readonly target: NodeId; readonly sequence: number }
  /** Neither the target nor anyone asked answered in time. */
  | { readonly kind: "unanswered"; readonly target: NodeId };

interface Probe {
  readonly target: NodeId;
  readonly sequence: number;
  /** When others are asked; undefined once they were. */
  askAt: Instant | undefined;
  isAnswered: boolean;
  askedCount: number;
  nackCount: number;
}

type ProberConfig = Pick<MembershipConfig, "probeIntervalMs" | "probeTimeoutMs">;

/** Probes one member in each interval (SWIM section 3.1), slower while this node is unwell (Lifeguard section IV-A). */
export class Prober {
  readonly #config: ProberConfig;
  readonly #awareness: Awareness;
  readonly #order: ProbeOrder;
  #sequence: number;
  #probe: Probe | undefined;
  #nextAt: Instant;

  constructor(config: ProberConfig, awareness: Awareness, rng: Rng, now: Instant) {
    this.#config = config;
    this.#awareness = awareness;
    this.#order = new ProbeOrder(rng);
    // Starts anywhere, so that an answer to a former life of this node is not taken for one to this.
    this.#sequence = randomInteger(rng, 2 ** 31);
    // Nodes that started together do not probe together.
    this.#nextAt = now + rng.fraction() * config.probeIntervalMs;
  }

  get wakeAt(): Instant {
    return this.#probe?.askAt ?? this.#nextAt;
  }

  /** A number for a ping whose answer is not for this prober. */
  takeSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** What is due now. `candidates` are those who can be probed. */
  step(now: Instant, candidates: readonly NodeId[]): readonly ProbeAction[] {
    const actions: ProbeAction[] = [];
    const probe = this.#probe;
    if (probe?.askAt !== undefined && now >= probe.askAt) {
      probe.askAt = undefined;
      if (!probe.isAnswered)
        actions.push({ kind: "ask-others", target: probe.target, sequence: probe.sequence });
    }
    if (now < this.#nextAt) return actions;
    if (probe && !probe.isAnswered) {
      this.#blame(probe);
      actions.push({ kind: "unanswered", target: probe.target });
    }
    return [...actions, ...this.#begin(now, candidates)];
  }

  asked(count: number): void {
    if (this.#probe) this.#probe.askedCount = count;
  }

  /** An answer came; says whether it was to the probe that runs. */
  answered(sequence: number): boolean {
    if (this.#probe?.sequence !== sequence || this.#probe.isAnswered) return false;
    this.#probe.isAnswered = true;
    this.#probe.askAt = undefined;
    this.#awareness.apply(-1);
    return true;
  }

  /** One who was asked is there, but has no answer from the target. */
  nacked(sequence: number): void {
    if (this.#probe?.sequence === sequence) this.#probe.nackCount += 1;
  }

  postpone(ms: number): void {
    this.#nextAt += ms;
    if (this.#probe?.askAt !== undefined) this.#probe.askAt += ms;
  }

  #begin(now: Instant, candidates: readonly NodeId[]): readonly ProbeAction[] {
    const interval = this.#awareness.scale(this.#config.probeIntervalMs);
    this.#nextAt = now + interval;
    const target = this.#order.next(candidates);
    if (target === undefined) {
      this.#probe = undefined;
      return [];
    }
    const sequence = this.takeSequence();
    const askAt = now + this.#awareness.scale(this.#config.probeTimeoutMs);
    this.#probe = { target, sequence, askAt, isAnswered: false, askedCount: 0, nackCount: 0 };
    return [{ kind: "ping", target, sequence }];
  }

  /** Those who were asked and said nothing at all point at this node's own link; silence of the target alone does not. */
  #blame(probe: Probe): void {
    this.#awareness.apply(probe.askedCount === 0 ? 1 : Math.max(0, probe.askedCount - probe.nackCount));
  }
}

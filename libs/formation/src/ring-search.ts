import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import { backoffMs, randomInteger, type Instant } from "@cluster-os/std";
import type { FormationContext } from "./context.ts";
import type { Ledger } from "./ledger.ts";

/** Someone who may hold a key that is lacking here. */
export interface Holder {
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly ringKeyId: number;
}

const MAX_HOLDERS = 64;
/** One who does not answer so often does not hold it, or is not there; true holders say so again. */
const TRIES_PER_HOLDER = 3;

/** Whom to ask for a ring key that this member lacks, and when. */
export class RingSearch {
  readonly #context: FormationContext;
  readonly #ledger: Ledger;
  readonly #holders = new Map<NodeId, Holder & { tries: number }>();
  #askAt: Instant = Infinity;
  #askedAt: Instant = -Infinity;
  #tries = 0;

  constructor(context: FormationContext, ledger: Ledger) {
    this.#context = context;
    this.#ledger = ledger;
  }

  get wakeAt(): Instant {
    return this.#askAt;
  }

  /** Someone holds, or says so, a key that this member lacks: it is asked soon. */
  want(holder: Holder, now: Instant): void {
    if (this.#holders.size >= MAX_HOLDERS && !this.#holders.has(holder.nodeId)) return;
    if (!this.#holders.has(holder.nodeId)) this.#tries = 0;
    this.#holders.set(holder.nodeId, { ...holder, tries: this.#holders.get(holder.nodeId)?.tries ?? 0 });
    this.#askAt = Math.min(this.#askAt, Math.max(now, this.#askedAt + this.#context.config.ringAskMs));
  }

  found(): void {
    const { newestHeld } = this.#ledger.ring.ring;
    for (const [nodeId, { ringKeyId }] of this.#holders)
      if (ringKeyId <= newestHeld) this.#holders.delete(nodeId);
    this.#tries = 0;
    if (this.#holders.size === 0) this.#askAt = Infinity;
  }

  /** Whom to ask now, if anyone. */
  drive(now: Instant): Pick<Holder, "nodeId" | "address"> | undefined {
    const { config, rng } = this.#context;
    const { isBehind } = this.#ledger.ring.ring;
    // What was announced is on its way here by itself, as a rule.
    if (isBehind && this.#askAt === Infinity) this.#askAt = now + config.ringAskMs * (1 + rng.fraction());
    if (!isBehind && this.#holders.size === 0) this.#askAt = Infinity;
    if (now < this.#askAt) return undefined;
    const holders = this.#candidates();
    const chosen = holders[randomInteger(rng, holders.length)];
    this.#tries += 1;
    this.#askedAt = now;
    const policy = { initialMs: config.ringAskMs, maxMs: config.ringAskMaxMs, factor: 2 };
    this.#askAt = now + backoffMs(policy, Math.ceil(this.#tries / Math.max(1, holders.length)), rng);
    if (chosen) this.#noteTry(chosen.nodeId);
    return chosen;
  }

  #noteTry(nodeId: NodeId): void {
    const holder = this.#holders.get(nodeId);
    if (!holder) return;
    holder.tries += 1;
    if (holder.tries >= TRIES_PER_HOLDER) this.#holders.delete(nodeId);
  }

  #candidates(): readonly Pick<Holder, "nodeId" | "address">[] {
    const { newestHeld } = this.#ledger.ring.ring;
    const peers = this.#context.peers().filter(({ isAlive, address }) => isAlive && address !== "");
    const holding = peers.filter(({ ringKeyId }) => (ringKeyId ?? 0) > newestHeld);
    const known = [...this.#holders.values(), ...holding];
    return known.length > 0 ? known : peers.filter(({ isServer }) => isServer);
  }
}

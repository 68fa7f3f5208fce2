import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import type { MembershipConfig } from "./config.ts";

/** How long a suspicion lasts, by cluster size. */
export interface SuspicionTimes {
  readonly shortestMs: number;
  readonly longestMs: number;
  /** With so many confirmations it is as short as it can be. */
  readonly confirmations: number;
}

type SuspicionConfig = Pick<
  MembershipConfig,
  "suspicionMs" | "suspicionMaxFactor" | "suspicionConfirmations"
>;

/**
 * News takes about log(n) rounds to reach everyone, and so does a refutation (SWIM section 4.2). Where fewer others are
 * left than would have to confirm, nobody can, and the suspicion is short from the start.
 */
export function suspicionTimes(config: SuspicionConfig, memberCount: number): SuspicionTimes {
  const shortestMs = config.suspicionMs * Math.max(1, Math.log10(Math.max(1, memberCount)));
  const confirmations = memberCount - 2 < config.suspicionConfirmations ? 0 : config.suspicionConfirmations;
  return { shortestMs, longestMs: shortestMs * config.suspicionMaxFactor, confirmations };
}

/** From half of the shortest suspicion on, the suspect is told again after each such share of it. */
const TELL_AFTER_SHARE = 1 / 2;
const TELL_EVERY_SHARE = 1 / 4;

/** A suspicion that runs, and shortens with each other node that shares it (Lifeguard section IV-B). */
export class Suspicion {
  readonly #times: SuspicionTimes;
  readonly #accusers: Set<NodeId>;
  #startedAt: Instant;
  #toldCount = 0;

  constructor(times: SuspicionTimes, accuser: NodeId, now: Instant) {
    this.#times = times;
    this.#accusers = new Set([accuser]);
    this.#startedAt = now;
  }

  /** When the node is to be held failed. */
  get endsAt(): Instant {
    const { shortestMs, longestMs, confirmations } = this.#times;
    if (confirmations === 0) return this.#startedAt + shortestMs;
    const share = Math.log(this.#accusers.size) / Math.log(confirmations + 1);
    return this.#startedAt + Math.max(shortestMs, longestMs - share * (longestMs - shortestMs));
  }

  /**
   * When a node that suspects tells the suspect itself, whoever began it. By then everybody has heard the suspect's answer, but
   * for those whom gossip missed: they would hold it failed although nobody else does.
   */
  get tellAt(): Instant {
    const share = TELL_AFTER_SHARE + this.#toldCount * TELL_EVERY_SHARE;
    return this.#startedAt + share * this.#times.shortestMs;
  }

  told(): void {
    this.#toldCount += 1;
  }

  hasAccuser(accuser: NodeId): boolean {
    return this.#accusers.has(accuser);
  }

  /** Another node shares the suspicion; says whether that shortens it, and so is worth passing on. */
  confirm(accuser: NodeId): boolean {
    if (this.#accusers.size > this.#times.confirmations || this.#accusers.has(accuser)) return false;
    this.#accusers.add(accuser);
    return true;
  }

  /** This machine did not run for so long: the suspect had no chance to be heard. */
  postpone(ms: number): void {
    this.#startedAt += ms;
  }
}

import type {
  CertificateState,
  Distribution,
  EtcdMemberStatus,
  KubernetesStatus,
} from "@cluster-os/kubernetes";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { SLOT_SECONDS } from "./join-slot.ts";

/** Between two looks at the certificates, and between two tries where there is no time to lose. */
const LOOK_MS = 60_000;
/** After a renewal that failed while there is time: each takes this machine's API server away for a while. */
const RETRY_MS = 3_600_000;

/** The one place for whoever changes, or restarts, what the control plane rests on. */
export interface RenewalSlot {
  /** Taken, or prolonged; or why not. "unreachable": this machine's API does not answer. */
  readonly take: () => Promise<"taken" | "another machine has its turn" | "unreachable">;
  /** Throws if that could not be written; then it comes free by itself after {@link SLOT_SECONDS}. */
  readonly giveBack: () => Promise<void>;
}

export interface RenewalOptions {
  readonly distribution: Pick<Distribution, "certificates" | "renewCertificates">;
  readonly slot: RenewalSlot;
  /** Whether this clock is that of the servers that answer: by another one, certificates would be renewed that are not due. */
  readonly isClockRight: (signal: AbortSignal) => Promise<boolean>;
  /** Puts into the audit log that this server renewed its certificates at that time (Unix milliseconds). Throws if that cannot be. */
  readonly record: (at: number) => Promise<void>;
  readonly clock: Clock;
  readonly patience: number;
  readonly step: (name: string) => void;
  readonly logger: Logger;
}

/** What a renewal looks at beside the certificates. */
export interface Surroundings extends Pick<KubernetesStatus, "kind" | "etcdMembers"> {
  /** Names of other servers that say their API server does not answer, or say nothing. */
  readonly unready: readonly string[];
}

/** Has this machine's certificates renewed long before they end, on one server at a time. */
export class Renewal {
  readonly #options: RenewalOptions;
  #lookAt: Instant = Number.NEGATIVE_INFINITY;
  #toldReason: string | undefined;
  /** Until when the slot is to be given back. */
  #owedUntil: Instant | undefined;
  /** When this server's certificates were renewed, Unix milliseconds, until that is in the audit log. */
  #unrecorded: number | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** One look, if it is time for one, and what follows from it. What fails is thrown, and tried again later. */
  async round(surroundings: Surroundings, signal: AbortSignal): Promise<void> {
    const { distribution, clock, patience, logger } = this.#options;
    await this.#settle();
    if (clock.now() < this.#lookAt) return;
    this.#lookAt = clock.now() + LOOK_MS * patience;
    const state = await distribution.certificates();
    const verdict = judgeRenewal(state, surroundings);
    if (verdict.kind === "nothing") return;
    if (verdict.kind === "wait") return this.#wait(state, verdict.reason);
    const reason = await this.#reasonToWait(verdict, signal);
    if (reason !== undefined) return this.#wait(state, reason);
    if (!verdict.isPressing) this.#lookAt = clock.now() + RETRY_MS;
    this.#toldReason = undefined;
    logger.info("renewing this machine's certificates", { state });
    await this.#carryOut(surroundings.kind === "server", signal);
  }

  async #carryOut(isServer: boolean, signal: AbortSignal): Promise<void> {
    const { distribution, slot, clock, step } = this.#options;
    // On slow machines it may take longer than the slot lasts.
    const prolong = (): void => void slot.take().catch(() => undefined);
    const timer = isServer ? setInterval(prolong, (SLOT_SECONDS * 1000) / 3) : undefined;
    try {
      await distribution.renewCertificates(signal);
      step("certificates renewed");
    } finally {
      clearInterval(timer);
    }
    if (!isServer) return;
    this.#owedUntil = clock.now() + SLOT_SECONDS * 1000;
    this.#unrecorded = Math.round(clock.wallTime());
    await this.#settle();
  }

  /** Undefined once nothing is in the way. */
  async #reasonToWait(verdict: Turn, signal: AbortSignal): Promise<string | undefined> {
    if (!(await this.#options.isClockRight(signal))) return "this machine's clock is not the servers'";
    if (!verdict.takesTurn) return undefined;
    const taken = await this.#options.slot.take().catch(() => "unreachable" as const);
    if (taken === "taken") return undefined;
    if (taken !== "unreachable") return taken;
    // Perhaps for want of these very certificates.
    return verdict.isPressing ? undefined : "this machine's API does not answer";
  }

  /** It may go on for weeks, so it is told once. Another server's turn is over soon. */
  #wait(state: CertificateState, reason: string): void {
    this.#lookAt = Math.min(this.#lookAt, this.#options.clock.now() + LOOK_MS / 6);
    if (reason === this.#toldReason) return;
    this.#toldReason = reason;
    this.#options.logger.info("certificates are not renewed yet", { state, reason });
  }

  /** What a renewal owes others, until it is done: this machine's API was away a moment ago. */
  async #settle(): Promise<void> {
    await this.#record();
    await this.#giveBack();
  }

  async #record(): Promise<void> {
    if (this.#unrecorded === undefined) return;
    try {
      await this.#options.record(this.#unrecorded);
      this.#unrecorded = undefined;
    } catch (error) {
      this.#options.logger.debug("the renewal is not in the audit log yet", { reason: describeError(error) });
    }
  }

  /** Until somebody has heard it, or the slot is free by itself. */
  async #giveBack(): Promise<void> {
    const { slot, clock, logger } = this.#options;
    if (this.#owedUntil === undefined) return;
    try {
      if (clock.now() < this.#owedUntil) await slot.giveBack();
      this.#owedUntil = undefined;
    } catch (error) {
      logger.debug("the slot is not given back yet", { reason: describeError(error) });
    }
  }
}

interface Turn {
  readonly kind: "renew";
  /** Whether it waits until no other machine changes the control plane. */
  readonly takesTurn: boolean;
  /** Whether it goes on although the API, where turns are taken, does not answer. */
  readonly isPressing: boolean;
}

export type RenewalVerdict =
  { readonly kind: "nothing" } | { readonly kind: "wait"; readonly reason: string } | Turn;

/** Pure: whether certificates in this state are renewed now, on a machine that sees the control plane so. */
export function judgeRenewal(
  state: CertificateState,
  { kind, etcdMembers, unready }: Surroundings,
): RenewalVerdict {
  const takesTurn = kind === "server";
  switch (state) {
    case "current":
      return { kind: "nothing" };
    case "due": {
      const reason = takesTurn ? unwellControlPlane(etcdMembers, unready) : undefined;
      return reason === undefined
        ? { kind: "renew", takesTurn, isPressing: false }
        : { kind: "wait", reason };
    }
    case "urgent":
      return { kind: "renew", takesTurn, isPressing: false };
    case "expired":
    case "begun":
      return { kind: "renew", takesTurn, isPressing: true };
    default:
      return state satisfies never;
  }
}

/**
 * What is amiss with etcd or an API server, undefined if nothing is: `unready` are the servers whose API server does not answer. A
 * server that restarts its etcd takes a vote away for a moment, so until it presses all others are waited for: also those that did
 * not get well after the same.
 */
export function unwellControlPlane(
  members: readonly EtcdMemberStatus[],
  unready: readonly string[],
): string | undefined {
  if (members.length === 0) return "etcd does not answer";
  const one = members.find(({ healthy, isLearner }) => !healthy || isLearner);
  if (one) return `${one.name || one.address} is no voter that is well`;
  return unready.length === 0 ? undefined : `the API server of ${unready.join(", ")} does not answer`;
}

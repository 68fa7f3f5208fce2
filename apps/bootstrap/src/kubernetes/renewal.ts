import type {
  CertificateState,
  Distribution,
  EtcdMemberStatus,
  KubernetesStatus,
} from "@cluster-os/kubernetes";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";

/** Between two looks at the certificates. */
const LOOK_MS = 60_000;
/** After a renewal that failed: each may take this machine's API server away for some seconds. */
const RETRY_MS = 3_600_000;

/** The one place for whoever changes, or restarts, what the control plane rests on. */
export interface RenewalSlot {
  /** False while another machine has it. Throws while the API does not answer. */
  readonly take: (signal: AbortSignal) => Promise<boolean>;
  /** Throws if that could not be written; then it comes free by itself after some minutes. */
  readonly giveBack: () => Promise<void>;
}

export interface RenewalOptions {
  readonly distribution: Pick<Distribution, "certificates" | "renewCertificates">;
  readonly slot: RenewalSlot;
  readonly clock: Clock;
  readonly patience: number;
  readonly step: (name: string) => void;
  readonly logger: Logger;
}

/** Has this machine's certificates renewed long before they end, on one server at a time. */
export class Renewal {
  readonly #options: RenewalOptions;
  #lookAt: Instant = Number.NEGATIVE_INFINITY;
  #toldReason: string | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** One look, if it is time for one, and what follows from it. What fails is told and tried again later. */
  async round(status: Pick<KubernetesStatus, "kind" | "etcdMembers">, signal: AbortSignal): Promise<void> {
    const { distribution, slot, clock, patience, logger } = this.#options;
    if (clock.now() < this.#lookAt) return;
    this.#lookAt = clock.now() + LOOK_MS * patience;
    const state = await distribution.certificates();
    const verdict = judgeRenewal(state, status);
    if (verdict.kind === "nothing") return;
    if (verdict.kind === "wait") return this.#tellOnce(state, verdict.reason);
    if (verdict.kind === "in-turn" && !(await slot.take(signal))) {
      // Another server's turn is over within a minute.
      this.#lookAt = clock.now();
      return;
    }
    this.#lookAt = clock.now() + RETRY_MS;
    logger.info("renewing this machine's certificates", { state });
    await distribution.renewCertificates(signal);
    this.#options.step("certificates renewed");
    if (verdict.kind === "in-turn") await this.#giveBack();
  }

  /** It may go on for weeks. */
  #tellOnce(state: CertificateState, reason: string): void {
    if (reason === this.#toldReason) return;
    this.#toldReason = reason;
    this.#options.logger.info("certificates are not renewed yet", { state, reason });
  }

  /** The certificates are renewed whether that succeeds or not. */
  async #giveBack(): Promise<void> {
    try {
      await this.#options.slot.giveBack();
    } catch (error) {
      this.#options.logger.debug("the slot comes free by itself", { reason: describeError(error) });
    }
  }
}

export type RenewalVerdict =
  | { readonly kind: "nothing" }
  /** Once this machine has the slot. */
  | { readonly kind: "in-turn" }
  /** Whoever else does what at this moment. */
  | { readonly kind: "at-once" }
  | { readonly kind: "wait"; readonly reason: string };

/** Pure: whether certificates in this state are renewed now, on a machine that sees the control plane so. */
export function judgeRenewal(
  state: CertificateState,
  { kind, etcdMembers }: Pick<KubernetesStatus, "kind" | "etcdMembers">,
): RenewalVerdict {
  switch (state) {
    case "current":
      return { kind: "nothing" };
    case "due":
      if (kind !== "server") return { kind: "at-once" };
      return missing(etcdMembers) ?? { kind: "in-turn" };
    case "urgent":
      return { kind: kind === "server" ? "in-turn" : "at-once" };
    case "expired":
    case "begun":
      return { kind: "at-once" };
    default:
      return state satisfies never;
  }
}

/** A server that restarts its etcd takes a vote away for a moment, so until it presses all the others are waited for. */
function missing(members: readonly EtcdMemberStatus[]): RenewalVerdict | undefined {
  if (members.length === 0) return { kind: "wait", reason: "etcd does not answer" };
  const one = members.find(({ healthy, isLearner }) => !healthy || isLearner);
  return one && { kind: "wait", reason: `${one.name || one.address} is no voter that is well` };
}

import type { NodeId } from "@cluster-os/identity";
import type { Distribution, JoinCredentials, NodePlacement } from "@cluster-os/kubernetes";
import type { Clock, Instant, Logger } from "@cluster-os/std";

/** Between two looks, in milliseconds. */
const LOOK_MS = 60_000;
/** While somebody is to answer, it is looked sooner. */
const SOON_MS = 5_000;
/** What a kubelet asks with lasts for fifteen minutes; one that got nothing for so long is given another. */
const ASKING_MS = 10 * 60_000;

export interface ReadmissionOptions {
  readonly distribution: Pick<Distribution, "kubeletAccess" | "readmit" | "endReadmission">;
  readonly placement: () => NodePlacement;
  /** Another server that answers. */
  readonly helper: () => NodeId | undefined;
  /** Undefined while it is not this machine's turn. */
  readonly requestCredentials: (from: NodeId, signal: AbortSignal) => Promise<JoinCredentials | undefined>;
  /** Whether this clock is that of the servers that answer: by another one, a good certificate looks ended. */
  readonly isClockRight: (signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly patience: number;
  readonly step: (name: string) => void;
  readonly logger: Logger;
}

/**
 * Gets this machine's kubelet another certificate when its own has ended: the machine was off, or no API answered, for the last third of
 * its life. Nobody believes the kubelet then, so it can no longer renew it as it does otherwise.
 */
export class Readmission {
  readonly #options: ReadmissionOptions;
  #lookAt: Instant = Number.NEGATIVE_INFINITY;
  #askedAt: Instant | undefined;

  constructor(options: ReadmissionOptions) {
    this.#options = options;
  }

  /** One look, if it is time for one, and what follows from it. What fails is thrown, and tried again. */
  async round(kind: "server" | "worker" | "none", signal: AbortSignal): Promise<void> {
    const { distribution, clock, patience, step } = this.#options;
    if (kind === "none" || clock.now() < this.#lookAt) return;
    const access = await distribution.kubeletAccess();
    this.#lookAt = clock.now() + (access === "good" ? LOOK_MS : SOON_MS) * patience;
    switch (access) {
      case "good":
        this.#askedAt = undefined;
        return;
      case "granted":
        await distribution.endReadmission();
        step("kubelet has another certificate");
        return;
      case "asking":
        this.#askedAt ??= clock.now();
        if (clock.now() - this.#askedAt < ASKING_MS * patience) return;
        return this.#readmit(kind, signal);
      case "ended":
        return this.#readmit(kind, signal);
      default:
        access satisfies never;
    }
  }

  async #readmit(kind: "server" | "worker", signal: AbortSignal): Promise<void> {
    const { distribution, placement, clock, logger } = this.#options;
    if (!(await this.#options.isClockRight(signal))) return;
    const credentials = kind === "worker" ? await this.#request(signal) : undefined;
    if (kind === "worker" && !credentials) return;
    logger.warn("the kubelet's certificate has ended: it asks for another one", { kind });
    await distribution.readmit({ ...placement(), ...(credentials && { credentials }) }, signal);
    this.#askedAt = clock.now();
  }

  async #request(signal: AbortSignal): Promise<JoinCredentials | undefined> {
    const from = this.#options.helper();
    return from && this.#options.requestCredentials(from, signal);
  }
}

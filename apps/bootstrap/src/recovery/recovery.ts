import type { RecoverAnswer, RecoverRequest } from "@cluster-os/api";
import type { RestoreSource } from "@cluster-os/kubernetes";
import type { Logger } from "@cluster-os/std";
import { PeerApiError } from "../peer-api/protocol.ts";
import { planRecovery, type RecoveryObserved, type RecoverySource } from "./plan.ts";

export interface RecoveryOptions {
  readonly observe: (wanted: string | undefined) => Promise<RecoveryObserved>;
  /** Where a source lies, in clear. */
  readonly sourceOf: (source: RecoverySource) => Promise<RestoreSource>;
  /** Has etcd begin anew here, and carries it through whatever happens to this process; resolves when it is through. */
  readonly restore: (source: RestoreSource) => Promise<void>;
  readonly logger: Logger;
}

/** Brings the control plane back after the loss of its majority, at a person's request. */
export class Recovery {
  readonly #options: RecoveryOptions;
  #isUnderWay = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Without `confirmed` nothing is done: the answer says what would be. */
  async recover({ confirmed = false, source }: RecoverRequest): Promise<RecoverAnswer> {
    const { observe, sourceOf, restore, logger } = this.#options;
    const plan = planRecovery(await observe(source));
    const { state, lost } = plan;
    if (plan.kind === "refuse") return { state, lost: [...lost], refusal: plan.reason, isDone: false };
    const { name: chosenName, takenAt: takenAtMs, holders } = plan.source;
    const chosen = { source: chosenName, takenAtMs, ...(holders && { holders: [...holders] }) };
    if (!confirmed) return { state, lost: [...lost], ...chosen, isDone: false };
    if (this.#isUnderWay) throw new PeerApiError(409, "a recovery is under way");
    this.#isUnderWay = true;
    try {
      const ready = await sourceOf(plan.source);
      // It may have come from another machine, which takes its time: a lost one may be back by now.
      const now = planRecovery(await observe(source));
      if (now.kind === "refuse")
        return { state: now.state, lost: [...now.lost], refusal: now.reason, isDone: false };
      logger.warn("recovers the control plane", { lost, source: plan.source.name });
      await restore(ready);
      return { state, lost: [...lost], ...chosen, isDone: true };
    } finally {
      this.#isUnderWay = false;
    }
  }
}

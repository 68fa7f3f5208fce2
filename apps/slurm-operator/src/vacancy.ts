import type { Instant } from "@cluster-os/std";

/** Time for whoever deletes the SlurmCluster to apply another one, in milliseconds. */
const WAIT_MS = 60_000;

/**
 * Since when there is no SlurmCluster where there was one. What never changes of it, the name and how messages are signed, is
 * chosen by deleting it and applying another: a default one that were there at once would stand in the way.
 */
export class Vacancy {
  #wasThere = false;
  #since: Instant | undefined;

  saw(isThere: boolean, now: Instant): void {
    if (isThere) {
      this.#wasThere = true;
      this.#since = undefined;
    } else if (this.#wasThere) this.#since ??= now;
  }

  /** In how many milliseconds a default one may be made; 0: now. */
  waitMs(now: Instant): number {
    return this.#since === undefined ? 0 : Math.max(0, Math.ceil(this.#since + WAIT_MS - now));
  }
}

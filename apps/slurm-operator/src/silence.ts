import { AGENT_LEASE_SECONDS, readSlurmLease } from "@cluster-os/api";
import type { Lease } from "@cluster-os/kube";
import { isSilent, sight, type Sighting } from "@cluster-os/reconcile";
import type { Instant } from "@cluster-os/std";

/** The holder has stopped slurmctld when its lease ends; whoever judges waits so much longer, in milliseconds. */
const MARGIN_MS = 2000;
/** After so long a machine that is lost is not Ready any more, even if who judges that had to be elected anew. Milliseconds. */
const JUDGED_MS = 3 * AGENT_LEASE_SECONDS * 1000;

/**
 * Whether the controller's Lease is still renewed: by when this process saw it change, and no other machine's clock. A replica that
 * does not lead watches as well, so that whoever leads next need not begin anew: what it saw late, or missed, was renewed earlier
 * or is another version, and another holder is only ever written on the version that was seen.
 */
export class Silence {
  readonly #judgedMs: number;
  #seen: { readonly sighting: Sighting; readonly durationMs: number } | undefined;

  constructor(patience = 1) {
    this.#judgedMs = JUDGED_MS * patience;
  }

  saw(object: Lease | undefined, now: Instant): void {
    const lease = readSlurmLease(object);
    if (!lease) {
      this.#seen = undefined;
      return;
    }
    // Every epoch begins anew, whatever its first time is.
    const value = `${lease.epoch} ${lease.holder ?? ""} ${lease.renewTime ?? ""}`;
    const sighting = sight(this.#seen?.sighting, value, now);
    this.#seen = { sighting, durationMs: lease.leaseSeconds * 1000 + MARGIN_MS };
  }

  isSilent(now: Instant): boolean {
    return this.#isSilentFor(0, now);
  }

  /** Whether it has been for so long that a holder whose machine is Ready still is no lost one: it just does not lead. */
  isSilentLong(now: Instant): boolean {
    return this.#isSilentFor(this.#judgedMs, now);
  }

  /** In how many milliseconds silence, or long silence, would be noticed; undefined after that, or where there is no Lease. */
  lookAgainMs(now: Instant): number | undefined {
    if (!this.#seen || this.isSilentLong(now)) return undefined;
    const { sighting, durationMs } = this.#seen;
    const moreMs = this.isSilent(now) ? this.#judgedMs : 0;
    return Math.max(1, Math.floor(sighting.changedAt + durationMs + moreMs - now) + 1);
  }

  #isSilentFor(moreMs: number, now: Instant): boolean {
    return this.#seen !== undefined && isSilent(this.#seen.sighting, this.#seen.durationMs + moreMs, now);
  }
}

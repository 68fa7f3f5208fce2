import type { V1Lease } from "@kubernetes/client-node";
import type { Instant } from "@cluster-os/std";
import type { Kube } from "./kube.ts";

/** A Lease as one observer saw it change: `changedAt` is the observer's own clock, so that no two clocks are compared. */
export interface LeaseObservation {
  readonly renewTime: string | undefined;
  readonly changedAt: Instant;
  /** Whether this observer saw it renewed at all, and not only found it with some time in it. */
  readonly hasChanged: boolean;
}

/** Keeps the instant at which a lease was last seen to change. */
export function observeLease(
  previous: LeaseObservation | undefined,
  renewTime: string | undefined,
  now: Instant,
): LeaseObservation {
  if (!previous) return { renewTime, changedAt: now, hasChanged: false };
  return previous.renewTime === renewTime ? previous : { renewTime, changedAt: now, hasChanged: true };
}

/** Whether the holder has not renewed for the lease's own duration, by the observer's clock. */
export function isExpired(observation: LeaseObservation, durationSeconds: number, now: Instant): boolean {
  return now - observation.changedAt > durationSeconds * 1000;
}

export interface HeldLeaseOptions {
  readonly kube: Kube;
  readonly namespace: string;
  readonly name: string;
  readonly holder: string;
  readonly durationSeconds: number;
}

/**
 * A Lease that at most one server holds: what must be done by one hand at a time is done by its holder. Call
 * {@link tryHold} at least three times per duration; it acquires, renews, or reports that another one holds it.
 */
export class HeldLease {
  readonly #options: HeldLeaseOptions;
  #observed: LeaseObservation | undefined;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
  }

  /** `wallTime` (Unix ms) is only written for people to read; `now` decides. */
  async tryHold(now: Instant, wallTime: number): Promise<boolean> {
    const { kube, namespace, name, holder, durationSeconds } = this.#options;
    const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } };
    const found = await kube.get<V1Lease>(ref);
    const renewTime = new Date(wallTime).toISOString().replace("Z", "000Z");
    if (!found) {
      const spec = {
        holderIdentity: holder,
        leaseDurationSeconds: durationSeconds,
        acquireTime: renewTime,
        renewTime,
      };
      return (await kube.create({ ...ref, spec } as never)) === "created";
    }
    const current = found.spec ?? {};
    this.#observed = observeLease(this.#observed, current.renewTime?.toString(), now);
    const isFree =
      !current.holderIdentity || isExpired(this.#observed, current.leaseDurationSeconds ?? 0, now);
    if (current.holderIdentity !== holder && !isFree) return false;
    const isNewHolder = current.holderIdentity !== holder;
    const spec = {
      ...current,
      holderIdentity: holder,
      leaseDurationSeconds: durationSeconds,
      renewTime,
      ...(isNewHolder && { acquireTime: renewTime, leaseTransitions: (current.leaseTransitions ?? 0) + 1 }),
    };
    return (await kube.replace({ ...ref, metadata: found.metadata, spec } as never)) === "replaced";
  }

  /** Gives the lease up, so that another holder need not wait for it to expire. */
  async release(): Promise<void> {
    const { kube, namespace, name, holder } = this.#options;
    const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } };
    const found = await kube.get<V1Lease>(ref);
    if (found?.spec?.holderIdentity !== holder) return;
    await kube.replace({
      ...ref,
      metadata: found.metadata,
      spec: { ...found.spec, holderIdentity: "" },
    } as never);
  }
}

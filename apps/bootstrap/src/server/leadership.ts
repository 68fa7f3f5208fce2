import { microTime, RESOURCES, when, type KubeClient, type Lease } from "@cluster-os/kube";
import { isSilent, sight, type Sighting } from "@cluster-os/reconcile";
import type { Instant } from "@cluster-os/std";
import { createOnce } from "./kube.ts";

export interface HeldLeaseOptions {
  readonly kube: KubeClient;
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
  #observed: Sighting | undefined;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
  }

  /** `wallTime` (Unix ms) is only written for people to read; `now` decides. */
  async tryHold(now: Instant, wallTime: number): Promise<boolean> {
    const { kube, holder, durationSeconds } = this.#options;
    const found = await this.#read();
    const renewTime = microTime(wallTime);
    const held = { holderIdentity: holder, leaseDurationSeconds: durationSeconds, renewTime };
    if (!found) return createOnce(kube, this.#lease({ ...held, acquireTime: renewTime }));
    const current = found.spec ?? {};
    this.#observed = sight(this.#observed, current.renewTime, now);
    const isFree =
      !current.holderIdentity || isSilent(this.#observed, (current.leaseDurationSeconds ?? 0) * 1000, now);
    const isMine = current.holderIdentity === holder;
    if (!isMine && !isFree) return false;
    const taken = { acquireTime: renewTime, leaseTransitions: (current.leaseTransitions ?? 0) + 1 };
    return this.#replace(found, { ...current, ...held, ...(!isMine && taken) });
  }

  /** Gives the lease up, so that another holder need not wait for it to expire. Throws if that could not be written. */
  async release(): Promise<void> {
    const { kube, holder } = this.#options;
    const found = await this.#read();
    if (found?.spec?.holderIdentity !== holder) return;
    await kube.replace(RESOURCES.lease, { ...found, spec: { ...found.spec, holderIdentity: "" } });
  }

  #lease(spec: NonNullable<Lease["spec"]>): Lease {
    const { name, namespace } = this.#options;
    return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace }, spec };
  }

  #read(): Promise<Lease | undefined> {
    const { kube, name, namespace } = this.#options;
    return kube.find(RESOURCES.lease, { name, namespace });
  }

  /** False when somebody was faster. */
  #replace(found: Lease, spec: NonNullable<Lease["spec"]>): Promise<boolean> {
    return this.#options.kube.replace(RESOURCES.lease, { ...found, spec }).then(
      () => true,
      when((error) => error.isConflict, false),
    );
  }
}

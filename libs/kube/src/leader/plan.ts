import type { Instant } from "@cluster-os/std";
import { type Lease, microTime } from "../well-known.ts";

export interface ElectionTimes {
  /** So long after its last renewal, as others saw it, a leader is none any more. Default 15 s. */
  readonly leaseMs: number;
  /** A leader that could not renew for so long gives up. Less than `leaseMs`. Default 10 s. */
  readonly renewDeadlineMs: number;
  /** Between two tries. Default 2 s. */
  readonly retryMs: number;
}

/** Those of Kubernetes' own components. */
export const ELECTION_TIMES: ElectionTimes = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

/** `times` for machines that are `patience` times slower than usual. */
export function patientElection(patience: number, times = ELECTION_TIMES): ElectionTimes {
  const { leaseMs, renewDeadlineMs, retryMs } = times;
  return {
    leaseMs: leaseMs * patience,
    renewDeadlineMs: renewDeadlineMs * patience,
    retryMs: retryMs * patience,
  };
}

/** A Lease, and when this version of it was first seen here: the holder's clock may be hours off. */
export interface SeenLease {
  readonly lease: Lease;
  readonly seenAt: Instant;
}

export type ElectionAct =
  | { readonly kind: "create" | "replace"; readonly spec: NonNullable<Lease["spec"]> }
  | { readonly kind: "wait" };

/** What a candidate does about the Lease it sees. A write that is a conflict was somebody else's turn. */
export function planElection(
  seen: SeenLease | undefined,
  me: string,
  now: { readonly at: Instant; readonly wallTime: number },
  leaseMs: number,
): ElectionAct {
  const renewTime = microTime(now.wallTime);
  const mine = { holderIdentity: me, leaseDurationSeconds: Math.ceil(leaseMs / 1000), renewTime };
  if (seen === undefined)
    return { kind: "create", spec: { ...mine, acquireTime: renewTime, leaseTransitions: 0 } };
  const { holderIdentity = "", leaseDurationSeconds, ...spec } = seen.lease.spec ?? {};
  if (holderIdentity === me) return { kind: "replace", spec: { ...spec, ...mine } };
  const validMs = (leaseDurationSeconds ?? leaseMs / 1000) * 1000;
  if (holderIdentity !== "" && now.at < seen.seenAt + validMs) return { kind: "wait" };
  const leaseTransitions = (spec.leaseTransitions ?? 0) + 1;
  return { kind: "replace", spec: { ...mine, acquireTime: renewTime, leaseTransitions } };
}

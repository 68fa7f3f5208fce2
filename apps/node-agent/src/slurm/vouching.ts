import { standingIn } from "./state.ts";
import type { ControllerObserved } from "./controller.ts";
import type { ControllerWish } from "./wish.ts";

/** What this machine answers for with the controller's Lease. */
export type Vouching =
  /** The Lease falls silent, and another machine is elected. */
  | "nothing"
  /** It is at work on taking over, or on saving all: the Lease is renewed, and slurmctld gets no time by that. */
  | "lease"
  /** The Lease is renewed, and slurmctld may run on the strength of it. */
  | "controller";

/** So long a machine may take to take over, or to save all, before another one is to try. Milliseconds. */
const AT_WORK_MS = 20_000;

/** `sinceMs`: for how long the Lease has named this machine in this epoch, or has wanted it to let go. */
export function vouching(
  observed: Omit<ControllerObserved, "unit">,
  wish: ControllerWish | undefined,
  sinceMs: number,
): Vouching {
  if (!wish) return "nothing";
  const { epoch, leaseSeconds, isReleaseWanted } = wish.lease;
  if (standingIn(epoch, observed.state) === "outvoted") return "nothing";
  if (!isReleaseWanted && mayRun(observed, epoch)) return "controller";
  return sinceMs < Math.max(AT_WORK_MS, 3000 * leaseSeconds) ? "lease" : "nothing";
}

/**
 * slurmctld begins only where the newest state is in place. Once it runs in this epoch it goes on whatever becomes of the
 * other copies, and while this process begins anew.
 */
function mayRun({ fencer, configHash, state }: Omit<ControllerObserved, "unit">, epoch: number): boolean {
  if (!fencer || configHash === undefined) return false;
  const standing = standingIn(epoch, state);
  if (fencer.state === "running") return fencer.epoch === epoch && standing !== "follows";
  return fencer.state === "waiting" && fencer.epoch <= epoch && standing === "leads";
}

/** The kernel ends slurmctld within this time of its deadline, on a machine with much else to do. Milliseconds. */
const MARGIN_MS = 500;

/**
 * Until when slurmctld may run, after a renewal that was asked for at `askedAtMs` (milliseconds since boot). Whoever waits for
 * this Lease to fall silent began to wait after that, and waits for the whole of it.
 */
export function deadlineMs(askedAtMs: number, leaseSeconds: number): number {
  return askedAtMs + leaseSeconds * 1000 - MARGIN_MS;
}

/** How long before its deadline slurmctld is asked to end, so that it saves everything. The fencer's unit says the same. */
export const GRACE_MS = 2000;

/** Milliseconds between renewals: two may fail before slurmctld is asked to end. */
export function renewalMs(leaseSeconds: number): number {
  return Math.max(500, (leaseSeconds * 1000 - MARGIN_MS - GRACE_MS) / 4);
}

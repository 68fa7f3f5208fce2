import type { AutopilotPlan } from "@cluster-os/election";

/** How things stand for a machine that is to leave its cluster. */
export interface DepartureObserved {
  /** What it is in Kubernetes; undefined before it is anything, and while that changes. */
  readonly role: "server" | "worker" | undefined;
  /** Whether it is to run the control plane, by the roles in force. */
  readonly isToServe: boolean;
  /** Whether other machines are in the cluster. */
  readonly hasOthers: boolean;
  /** Whether it told the others already that it is to serve no more. */
  readonly isRetiring: boolean;
  /** Whether a person lets it go although nobody could take its place. */
  readonly mayReduce: boolean;
  /** What autopilot does once it is to serve no more; undefined while this machine cannot tell. */
  readonly plan: Pick<AutopilotPlan, "reason" | "held"> | undefined;
  /** Why autopilot changes nothing, if a person said so. */
  readonly pause: string | undefined;
}

export type DepartureStep =
  /** It has nothing to hand over any more: it may go. */
  | { readonly kind: "go" }
  /** It tells the others that it is to serve no more. */
  | { readonly kind: "retire" }
  | { readonly kind: "wait"; readonly reason: string }
  /** It stays. Of status 503, it may be asked again; of 409, something has to change first. */
  | { readonly kind: "refuse"; readonly status: 409 | 503; readonly reason: string };

/** The next step of a departure: a server hands its place over first, and autopilot sees to whom. */
export function planDeparture(observed: DepartureObserved): DepartureStep {
  const { role, isToServe, isRetiring } = observed;
  if (role === "server") return planServer(observed);
  if (isToServe && !isRetiring)
    return refuse(503, "it is becoming a control-plane server at this moment; ask again in a minute");
  const isChanging = isToServe || role === undefined;
  return isRetiring && isChanging ? { kind: "wait", reason: "it is becoming a worker" } : { kind: "go" };
}

function planServer(observed: DepartureObserved): DepartureStep {
  const { hasOthers, isRetiring, mayReduce, plan, pause } = observed;
  if (!hasOthers) return refuse(409, "it is the only machine: without it there would be no cluster");
  if (pause !== undefined) {
    return refuse(
      409,
      `autopilot is paused (${pause}) and hands nothing over; run \`cluster-os resume\` first`,
    );
  }
  if (!plan) {
    const reason = "its place in the control plane cannot be handed over while the API does not answer";
    return isRetiring ? { kind: "wait", reason } : refuse(503, `${reason}; see \`cluster-os status\``);
  }
  if (plan.held !== undefined) {
    return mayReduce
      ? refuse(409, `${plan.reason}, and it is the last server: its loss would end the control plane`)
      : refuse(409, `${plan.reason}; with --anyway it goes all the same, and one vote fewer is left`);
  }
  return isRetiring ? { kind: "wait", reason: plan.reason } : { kind: "retire" };
}

function refuse(status: 409 | 503, reason: string): DepartureStep {
  return { kind: "refuse", status, reason };
}

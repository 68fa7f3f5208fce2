import type { Condition } from "@cluster-os/api";
import type { Heartbeat } from "@cluster-os/reconcile";
import type { Verdict } from "./verdict.ts";

/** One condition, as far as readiness needs it. */
export type ConditionView = Pick<Condition, "type" | "status"> &
  Partial<Pick<Condition, "reason" | "message">>;

export interface ReadinessObserved {
  /** What the Lease of the machine's node-agent says. */
  readonly heartbeat: Exclude<Heartbeat, "unjudged">;
  /** The conditions that others report of the machine. */
  readonly conditions: readonly ConditionView[];
}

/** Conditions that must be True before a node is Ready, in the order in which a person would look at them. */
const REQUIRED = ["MeshConnected", "KubernetesReady"];

/**
 * Condition Ready of a ClusterNode. Silence is Unknown, not False: nobody can tell a dead machine from one that cannot
 * be reached (Kubernetes' own node controller draws the same line). Only of a machine that said goodbye, or whose
 * admission was revoked, more is known.
 */
export function planReadiness(observed: ReadinessObserved): Verdict {
  const member = observed.conditions.find(({ type }) => type === "Member");
  if (member?.status === "False") {
    const message = member.message ?? "this machine takes no part in the cluster";
    return { status: "False", reason: member.reason ?? "NoMember", message };
  }
  if (observed.heartbeat === "never") {
    return {
      status: "Unknown",
      reason: "NeverReported",
      message: "node-agent on this machine has not reported yet",
    };
  }
  if (observed.heartbeat === "expired") {
    return {
      status: "Unknown",
      reason: "HeartbeatExpired",
      message: "node-agent stopped renewing its lease",
    };
  }
  for (const type of REQUIRED) {
    const condition = observed.conditions.find((candidate) => candidate.type === type);
    if (condition?.status === "True") continue;
    const message = condition?.message ?? `condition ${type} is not reported`;
    return { status: "False", reason: condition?.reason ?? `${type}Missing`, message };
  }
  return { status: "True", reason: "NodeReady", message: "heartbeat, mesh and Kubernetes are in order" };
}

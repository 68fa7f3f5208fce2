/** One Kubernetes condition, as far as readiness needs it. */
export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

export interface ReadinessObserved {
  /** Whether node-agent's Lease has not changed for its own duration; undefined while it was never seen renewed. */
  readonly heartbeat: "fresh" | "expired" | "never";
  /** The conditions node-agent reports of its machine. */
  readonly conditions: readonly ConditionView[];
}

export interface Readiness {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Conditions that must be True before a node is Ready, in the order in which a person would look at them. */
const REQUIRED = ["MeshConnected", "KubernetesReady"];

/**
 * Condition Ready of a ClusterNode. Silence is Unknown, not False: nobody can tell a dead machine from one that cannot
 * be reached (Kubernetes' own node controller draws the same line).
 */
export function planReadiness(observed: ReadinessObserved): Readiness {
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

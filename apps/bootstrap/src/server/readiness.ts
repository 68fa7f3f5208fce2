/** One Kubernetes condition, as far as readiness needs it. */
export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/**
 * What a node-agent's Lease says: renewed within its own duration, not so, never at all, or - to an observer that has not
 * watched for long enough - nothing yet.
 */
export type Heartbeat = "fresh" | "expired" | "never" | "unjudged";

export interface ReadinessObserved {
  readonly heartbeat: Exclude<Heartbeat, "unjudged">;
  /** The conditions node-agent reports of its machine. */
  readonly conditions: readonly ConditionView[];
}

/** A condition without its type and times. */
export interface Verdict {
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
export function planReadiness(observed: ReadinessObserved): Verdict {
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

/** Condition Member: whether the machine takes part. `entry` is undefined for one that was never admitted. */
export function planMember(entry: { readonly hasLeft: boolean } | undefined): Verdict {
  if (!entry) {
    return { status: "False", reason: "NotAdmitted", message: "no admission record has a key of this name" };
  }
  return entry.hasLeft
    ? {
        status: "False",
        reason: "Left",
        message: "the machine left by itself; `cluster-os join` on it brings it back",
      }
    : { status: "True", reason: "Admitted", message: "the machine is admitted" };
}

/**
 * Condition IdentityVerified: whether the machine that reports under this name is the one whose key was admitted. The
 * name follows from the key, so a difference means that somebody else writes this status.
 */
export function planIdentity(admitted: string | undefined, reported: string | undefined): Verdict {
  if (admitted === undefined) {
    return { status: "False", reason: "NotAdmitted", message: "no admission record has a key of this name" };
  }
  if (reported === undefined) {
    return {
      status: "Unknown",
      reason: "NeverReported",
      message: "node-agent on this machine has not reported yet",
    };
  }
  return reported === admitted
    ? {
        status: "True",
        reason: "AdmissionVerified",
        message: "the admission record is signed by the cluster's authority",
      }
    : { status: "False", reason: "IdentityMismatch", message: `the admission record is of ${admitted}` };
}

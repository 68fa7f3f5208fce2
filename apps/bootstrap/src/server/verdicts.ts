/** A condition without its type and times. */
export interface Verdict {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Condition Member: whether the machine takes part. `entry` is undefined for one that was never admitted. */
export function planMember(entry: { readonly hasLeft: boolean } | undefined, isPending = false): Verdict {
  if (!entry && isPending) {
    return {
      status: "False",
      reason: "Pending",
      message: "the machine waits for a person: `cluster-os approve`, or spec.admission: Approved",
    };
  }
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

/**
 * Condition RootKeysExposed of a server: there only while a revoked server's owner may still have the keys that every
 * server has. Revoking takes away a machine, not what was copied from it.
 */
export function planExposure(exposedBy: readonly string[]): Verdict | undefined {
  if (exposedBy.length === 0) return undefined;
  const names = exposedBy.join(", ");
  return {
    status: "True",
    reason: "ServerRevoked",
    message: `${names} had the certificate authorities' keys and the authority key; docs/guides/revoking-nodes.md tells how to replace them`,
  };
}

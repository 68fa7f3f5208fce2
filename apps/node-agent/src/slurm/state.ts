import type { SlurmLease } from "@cluster-os/api";
import type { Nomination, ReplicationStatus } from "@cluster-os/replication";

/** This machine's copy of what slurmctld saves, one among those on other machines. */
export type StateObserved =
  /** It answers nobody; there may be a copy on disk. */
  | { readonly kind: "closed"; readonly isKept: boolean; readonly trouble?: string }
  | {
      readonly kind: "open";
      readonly status: ReplicationStatus;
      /** Who is to keep copies, as it was told last. */
      readonly wished: readonly string[];
    };

export type StateAction =
  | { readonly kind: "open" }
  /** The set becomes this, one machine at a time. */
  | { readonly kind: "wish-replicas"; readonly replicas: readonly string[] };

/** What runs and keeps the copy. What it does is observed; nothing here waits for other machines but `save`. */
export interface SlurmState extends AsyncDisposable {
  observe(): StateObserved;
  /** Answers others from now on, at this machine's mesh address. */
  open(self: { readonly name: string; readonly address: string }): Promise<void>;
  /** Begins to take over: a majority's promise, the newest copy, and that copy in slurmctld's directory. */
  lead(nomination: Nomination): void;
  wishReplicas(replicas: readonly string[]): void;
  /** Resolves when all that lies in slurmctld's directory is on a majority's disks. */
  save(signal: AbortSignal): Promise<void>;
}

/**
 * What to do with the copy here, whoever runs slurmctld. A copy that is there answers also where the Lease no longer names its
 * machine: the set that has to have a majority is the one that the newest copy names, which may be an older one. Nothing is ever removed.
 */
export function planState(
  state: StateObserved,
  lease: SlurmLease | undefined,
  self: string,
): StateAction | undefined {
  if (state.kind === "closed") {
    const isNamed = lease?.replicas.includes(self) === true;
    return isNamed || state.isKept ? { kind: "open" } : undefined;
  }
  // Only its own holder's word, and none that would leave the holder out.
  if (lease?.holder !== self || !lease.replicas.includes(self)) return undefined;
  if (state.wished.join() === lease.replicas.join()) return undefined;
  return { kind: "wish-replicas", replicas: lease.replicas };
}

/** What this machine is to its copy, in the epoch whose Lease it holds. */
export type Standing =
  /** Its copy is not open yet. */
  | "closed"
  /** It has promised a later epoch to somebody: whatever the Lease says here, it is over. */
  | "outvoted"
  /** It has not begun to take over. */
  | "follows"
  /** It led this epoch before this process began: the directory is as it left it. */
  | "led"
  | "takes-over"
  /** The directory is in place, and a majority knows it. */
  | "leads";

export function standingIn(epoch: number, state: StateObserved): Standing {
  if (state.kind === "closed") return "closed";
  const { role, report } = state.status;
  if (report.promised > epoch) return "outvoted";
  if (role.kind !== "follower" && role.epoch === epoch)
    return role.kind === "leader" ? "leads" : "takes-over";
  // An epoch has one leader, and it is the holder's: so nobody else has written this copy.
  return report.position?.epoch === epoch ? "led" : "follows";
}

/** Under what terms the holder of a Lease takes over. */
export function nominationOf({ epoch, replicas, mayFound }: SlurmLease): Nomination {
  return { epoch, replicas, mayFound };
}

/** What stands in the way, in words. */
export function stateProblems(state: StateObserved, lease: SlurmLease | undefined): readonly string[] {
  const problem = problemOf(state, lease);
  return problem === undefined ? [] : [`the controller's saved state: ${problem}`];
}

function problemOf(state: StateObserved, lease: SlurmLease | undefined): string | undefined {
  if (state.kind === "closed") return state.trouble;
  const { role, report, trouble } = state.status;
  if (lease !== undefined && report.promised > lease.epoch)
    return `another machine leads epoch ${report.promised}, and this one was named for epoch ${lease.epoch}`;
  if (lease !== undefined && role.kind === "candidate") return `waits for ${role.waitingFor}`;
  return trouble;
}

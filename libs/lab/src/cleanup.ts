import { compareText } from "@cluster-os/std";

/** What of a lab, or of one machine, is still on the host. */
export interface Leftovers {
  /** First processes of machines: their death ends all of a machine's processes. */
  readonly leaders: readonly number[];
  /** systemd-nspawn, and the steps that lead to it. They end by themselves when their leader is gone. */
  readonly supervisors: readonly number[];
  /** Every process found in a cgroup of the lab: those above and whatever else. */
  readonly members: readonly number[];
  /** Existing cgroups, without those below them. */
  readonly cgroups: readonly string[];
  readonly namespaces: readonly string[];
  readonly folders: readonly string[];
}

export type CleanupAction =
  | { readonly kind: "kill"; readonly pids: readonly number[]; readonly what: "leaders" | "others" }
  | { readonly kind: "remove-cgroup"; readonly path: string }
  | { readonly kind: "remove-namespace"; readonly namespace: string }
  | { readonly kind: "remove-folder"; readonly path: string };

/**
 * What has to be done, in this order, so that nothing is left. Leaders die first: killing systemd-nspawn alone would
 * leave its machine running without a parent. Then whoever is left, then what they held.
 */
export function planCleanup(found: Leftovers): CleanupAction[] {
  const others = [...new Set([...found.supervisors, ...found.members])].filter(
    (pid) => !found.leaders.includes(pid),
  );
  const actions: CleanupAction[] = [];
  if (found.leaders.length > 0)
    actions.push({ kind: "kill", pids: [...new Set(found.leaders)], what: "leaders" });
  if (others.length > 0) actions.push({ kind: "kill", pids: others, what: "others" });
  for (const path of [...new Set(found.cgroups)].sort(compareText))
    actions.push({ kind: "remove-cgroup", path });
  for (const namespace of [...new Set(found.namespaces)].sort(compareText)) {
    actions.push({ kind: "remove-namespace", namespace });
  }
  for (const path of [...new Set(found.folders)].sort(compareText))
    actions.push({ kind: "remove-folder", path });
  return actions;
}

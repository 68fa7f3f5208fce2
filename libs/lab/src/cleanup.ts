import { compareText } from "@cluster-os/std";

/** What of a lab, or of one machine, is still on the host. */
export interface Leftovers {
  /** Every process: machines' first ones, those that supervise them, and whoever is in a cgroup of the lab. */
  readonly processes: readonly number[];
  /** Existing cgroups, without those below them. */
  readonly cgroups: readonly string[];
  readonly namespaces: readonly string[];
  readonly folders: readonly string[];
}

export type CleanupAction =
  | { readonly kind: "kill"; readonly pids: readonly number[] }
  | { readonly kind: "remove-cgroup"; readonly path: string }
  | { readonly kind: "remove-namespace"; readonly namespace: string }
  | { readonly kind: "remove-folder"; readonly path: string };

/**
 * The next thing to do so that nothing is left; to be asked again until there is nothing. While anybody lives, only
 * killing helps: a supervisor that was seen alone may have given birth to a machine meanwhile, so one has to look again
 * before removing what it holds. All are killed at once, since killing systemd-nspawn does not end its machine.
 */
export function planCleanup(found: Leftovers): CleanupAction[] {
  const pids = [...new Set(found.processes)];
  if (pids.length > 0) return [{ kind: "kill", pids }];
  return [
    ...sorted(found.cgroups).map((path) => ({ kind: "remove-cgroup", path }) as const),
    ...sorted(found.namespaces).map((namespace) => ({ kind: "remove-namespace", namespace }) as const),
    // Last: the records in it say where all the rest is.
    ...sorted(found.folders).map((path) => ({ kind: "remove-folder", path }) as const),
  ];
}

function sorted(items: readonly string[]): string[] {
  return [...new Set(items)].sort(compareText);
}

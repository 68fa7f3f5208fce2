import { CONTROL_PLANE_PODS } from "../settings.ts";

/** How far etcd on this machine is on its way to begin anew, by what lies on the disk and runs. */
export interface RestoreObserved {
  /** The static pods whose manifests are in force. */
  readonly manifests: readonly string[];
  /** Those whose manifests are kept apart meanwhile. */
  readonly kept: readonly string[];
  /** Whether what is to be restored is kept apart, all of it. */
  readonly hasSource: boolean;
  /** Whether there is anything in etcd's folder. */
  readonly hasData: boolean;
  /** Whether etcd's folder holds what was restored, all of it. */
  readonly isRestored: boolean;
}

export type RestoreStep =
  /** This machine runs no control plane. */
  | { readonly kind: "refuse" }
  /** Keeps the manifests apart. */
  | { readonly kind: "keep-manifests" }
  /** Ends the control plane here: etcd closes its data. */
  | { readonly kind: "stop" }
  | { readonly kind: "keep-source" }
  /** Moves etcd's folder where nothing reads it. */
  | { readonly kind: "set-aside" }
  | { readonly kind: "restore" }
  /** Puts the manifests in force again: the control plane starts. */
  | { readonly kind: "start" };

/**
 * The next step. Each may be cut off anywhere and is repeated whole: data is never changed in place, only copied, moved
 * away, or made anew, and a mark is set when that is through.
 */
export function planRestore(observed: RestoreObserved): RestoreStep {
  const { manifests, kept, hasSource, hasData, isRestored } = observed;
  const areKept = CONTROL_PLANE_PODS.every((pod) => kept.includes(pod));
  if (isRestored) return { kind: "start" };
  if (!areKept) {
    const areThere = CONTROL_PLANE_PODS.every((pod) => manifests.includes(pod) || kept.includes(pod));
    return { kind: areThere ? "keep-manifests" : "refuse" };
  }
  if (manifests.some((pod) => (CONTROL_PLANE_PODS as readonly string[]).includes(pod)))
    return { kind: "stop" };
  if (!hasSource) return { kind: "keep-source" };
  return { kind: hasData ? "set-aside" : "restore" };
}

/** By how much revisions of etcd grow in a restoration: more than a cluster writes between two snapshots. */
export const REVISION_BUMP = 1_000_000_000;

/** Arguments of `etcdutl` that make the data of a cluster of one member out of a snapshot. */
export function restoreArguments(options: {
  readonly file: string;
  /** Whether the file ends with the hash that etcd's own snapshots end with. */
  readonly hasHash: boolean;
  readonly nodeName: string;
  readonly peerUrl: string;
  readonly folder: string;
}): readonly string[] {
  const { file, hasHash, nodeName, peerUrl, folder } = options;
  return [
    "snapshot",
    "restore",
    file,
    `--data-dir=${folder}`,
    `--name=${nodeName}`,
    `--initial-cluster=${nodeName}=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    // Another cluster's ID: a former member that returns is refused instead of believed.
    `--initial-cluster-token=${nodeName}`,
    // Who watched the old one has to read anew: its revisions may have held something else.
    `--bump-revision=${REVISION_BUMP}`,
    "--mark-compacted",
    ...(hasHash ? [] : ["--skip-hash-check"]),
  ];
}

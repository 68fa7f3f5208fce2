import { join } from "node:path";

/** Where bootstrap finds what it is given, and keeps what it earned. */
export interface Settings {
  /** The one file a person or a stick writes. */
  readonly configPath: string;
  readonly identityFolder: string;
  /** The protocol's state: genesis, admissions, ring keys, promises. */
  readonly protocolStatePath: string;
  /** What was begun of Kubernetes on this machine. */
  readonly actRecordPath: string;
  /** Is there while this machine has left its cluster: bootstrap's unit does not start then. */
  readonly departurePath: string;
  /** Snapshots of etcd, sealed. */
  readonly snapshotsFolder: string;
  /** The package of an upgrade of Kubernetes. */
  readonly packagesFolder: string;
  /** This server's own access to the Kubernetes API. */
  readonly kubeconfigPath: string;
  /** What runs in the cluster, as the package brings it. */
  readonly manifestsPath: string;
  /** The local API for all who may look, and the one for root. */
  readonly sockets: { readonly group: string; readonly root: string };
  readonly logLevel: string;
}

/** The layout under `/etc`, `/var/lib` and `/run`, each of which a test may replace. */
export function settingsUnder(roots: {
  readonly etc: string;
  readonly state: string;
  readonly run: string;
  readonly lib: string;
}): Settings {
  return {
    configPath: join(roots.etc, "cluster-os.yaml"),
    identityFolder: join(roots.state, "identity"),
    protocolStatePath: join(roots.state, "state/protocol.cbor"),
    actRecordPath: join(roots.state, "kubernetes/act.json"),
    departurePath: join(roots.state, "left"),
    snapshotsFolder: join(roots.state, "snapshots"),
    packagesFolder: join(roots.state, "packages"),
    kubeconfigPath: join(roots.state, "kubernetes/bootstrap.kubeconfig"),
    manifestsPath: join(roots.lib, "manifests.json"),
    sockets: { group: join(roots.run, "bootstrap.sock"), root: join(roots.run, "root.sock") },
    logLevel: "info",
  };
}

export const SYSTEM_SETTINGS = settingsUnder({
  etc: "/etc/cluster-os",
  state: "/var/lib/cluster-os",
  run: "/run/cluster-os",
  lib: "/usr/lib/cluster-os",
});

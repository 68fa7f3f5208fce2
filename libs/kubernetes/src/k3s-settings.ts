import { STATE_FOLDER } from "./settings.ts";

/** Names, versions and paths of k3s. Those of its own are documented on docs.k3s.io; the rest are this driver's. */

export const K3S_VERSION = "v1.34.3+k3s1";

const DATA = "/var/lib/rancher/k3s";
const OWN = `${STATE_FOLDER}/k3s`;

export const K3S = {
  program: "/usr/bin/k3s",
  /** Which k3s the package brings, and which one was last started here. */
  version: "/usr/lib/cluster-os/k3s/version",
  runningVersion: `${OWN}/running-version`,
  /** Everything k3s keeps about this machine, containers included. */
  data: DATA,
  server: `${DATA}/server`,
  agent: `${DATA}/agent`,
  /** k3s imports every archive in here when it starts (docs.k3s.io, "Air-Gap Install"). */
  images: `${DATA}/agent/images`,
  /** Where the package puts the archives. */
  packagedImages: ["/usr/lib/cluster-os/images", "/usr/lib/cluster-os/pod-images"],
  config: "/etc/rancher/k3s/config.yaml",
  configFolder: "/etc/rancher/k3s",
  /** The password by which servers know a node again. */
  nodeFolder: "/etc/rancher/node",
  /** The administrator's access as k3s writes it: it leads to this machine's own API server alone. */
  kubeconfig: "/etc/rancher/k3s/k3s.yaml",
  kubeletDropIn: `${DATA}/agent/etc/kubelet.conf.d/10-cluster-os.conf`,
  /** The authority that issued the API servers' certificates: as a server has it, and as every agent has it. */
  serverCa: `${DATA}/server/tls/server-ca.crt`,
  agentCa: `${DATA}/agent/server-ca.crt`,
  etcdPki: `${DATA}/server/tls/etcd`,
  run: "/run/k3s",
  tokens: OWN,
  /** What a server shows to others, and what encrypts the cluster's keys in etcd. */
  serverToken: `${OWN}/server-token`,
  /** What servers would accept from any agent. No agent ever gets it: each joins by a token of its own. */
  agentToken: `${OWN}/agent-token`,
  /** The token this worker joined by. */
  joinToken: `${OWN}/join-token`,
  resolvConf: `${OWN}/resolv.conf`,
  stopPods: "/usr/lib/cluster-os/libexec/k3s-stop-pods",
  linkImages: "/usr/lib/cluster-os/libexec/k3s-link-images",
} as const;

/** systemd units, under the names k3s' own installation gives them: that is where people look. */
export const K3S_UNITS = { server: "k3s.service", worker: "k3s-agent.service" } as const;

/**
 * etcd in k3s answers HTTP on a port apart from gRPC's, on the loopback alone unless told otherwise (k3s' pkg/etcd,
 * etcd-io/etcd issue 15402).
 */
export const K3S_ETCD_HTTP_PORT = 2382;

/** Labels and annotations k3s gives a server's Node; its controllers go by them. */
export const K3S_SERVER_LABELS = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/etcd",
  "node-role.kubernetes.io/master",
] as const;
export const K3S_SERVER_ANNOTATIONS = [
  "etcd.k3s.cattle.io/node-name",
  "etcd.k3s.cattle.io/node-address",
] as const;

/** Group of whoever holds a bootstrap token; k3s lets it ask for an agent's certificates. */
export const K3S_BOOTSTRAP_GROUP = "system:bootstrappers:k3s:default-node-token";

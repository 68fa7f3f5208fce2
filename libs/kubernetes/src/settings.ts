/** Names, versions and paths that the renderers and the driver share. */

/** No resolver knows this registry: images come with the package, and a missing one fails at once. */
export const IMAGE_REPOSITORY = "registry.local";
export const PAUSE_IMAGE = `${IMAGE_REPOSITORY}/pause:3.10.1`;
export const COREDNS_IMAGE = `${IMAGE_REPOSITORY}/cluster-os/coredns:v1.14.3`;

/** The one name under which every machine reaches the API; it leads to the machine's own balancer. */
export const API_NAME = "kubernetes.cluster-os.internal";
export const BALANCER_PORT = 7443;
export const API_SERVER_PORT = 6443;
export const API_URL = `https://${API_NAME}:${BALANCER_PORT}`;

export const CLUSTER_DOMAIN = "cluster.local";
export const CRI_SOCKET = "unix:///run/containerd/containerd.sock";

/** What the driver renders for this machine. */
export const STATE_FOLDER = "/var/lib/cluster-os/kubernetes";
/** Configuration that holds secrets lies here, in memory, for as long as one act needs it. */
export const RUN_FOLDER = "/run/cluster-os/kubeadm";
export const PATHS = {
  containerdConfig: `${STATE_FOLDER}/containerd.toml`,
  balancerConfig: `${STATE_FOLDER}/haproxy.cfg`,
  balancerScript: `${STATE_FOLDER}/haproxy.lua`,
  placement: `${STATE_FOLDER}/placement.json`,
  servers: `${STATE_FOLDER}/servers.json`,
  patches: `${STATE_FOLDER}/patches`,
  logs: "/var/log/cluster-os",
  hosts: "/etc/hosts",
  cniFolder: "/etc/cni/net.d",
  cniConfig: "/etc/cni/net.d/10-cluster-os.conflist",
  kubernetes: "/etc/kubernetes",
  /** What the package brings: all of Kubernetes as one program, and which it is. */
  program: "/usr/lib/cluster-os/kubernetes/hyperkube",
  version: "/usr/lib/cluster-os/kubernetes/version",
  /** What the kubelet's unit runs, and which that is. A package leaves it as it is: only an upgrade changes it. */
  kubelet: "/usr/lib/cluster-os/kubernetes/running/kubelet",
  kubeletVersion: "/usr/lib/cluster-os/kubernetes/running/version",
  manifests: "/etc/kubernetes/manifests",
  adminKubeconfig: "/etc/kubernetes/admin.conf",
  kubeletKubeconfig: "/etc/kubernetes/kubelet.conf",
  caCertificate: "/etc/kubernetes/pki/ca.crt",
  /** In kubeadm's folder of keys, because every API server mounts that and demotion wipes it. */
  secretsEncryption: "/etc/kubernetes/pki/secrets-encryption.yaml",
  etcdPki: "/etc/kubernetes/pki/etcd",
  etcdFolder: "/var/lib/etcd",
  kubeletFolder: "/var/lib/kubelet",
  /** What the machine itself tells the kubelet besides: the share of its jobs, which is no pod's. */
  kubeletAdditions: "/var/lib/cluster-os/kubelet.conf.d",
} as const;

/** What a machine was as a server while it was away, one folder for each time: for a person, and never read again. */
export const SET_ASIDE_FOLDER = "/var/lib/cluster-os/set-aside";

/** systemd units the driver drives. */
export const UNITS = {
  containerd: "containerd.service",
  images: "cluster-os-images.service",
  balancer: "cluster-os-balancer.service",
  kubelet: "kubelet.service",
} as const;

/** The control plane's static pods, in the order in which a demotion stops them: etcd outlives who writes to it. */
export const CONTROL_PLANE_PODS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "etcd",
] as const;

/** Labels of a server's Node, as kubeadm sets them. */
export const LABELS_OF_SERVERS = [
  "node-role.kubernetes.io/control-plane",
  "node.kubernetes.io/exclude-from-external-load-balancers",
] as const;

/**
 * How often etcd's leader is heard, and after how long it is missed, in milliseconds: above etcd's defaults (100 and
 * 1000, for a LAN of idle machines), because servers here run jobs as well, over a mesh that costs CPU, and a needless
 * election costs every write more than a late one; far below k3s' (500 and 5000), because a write that is under way when
 * the leader dies waits for 5 s and two elections.
 */
const ETCD_TIMING_MS = { "heartbeat-interval": 150, "election-timeout": 1500 } as const;

/** etcd's timing on machines that are `patience` times slower than usual ones; it is one for all of them. */
export function etcdTiming(patience: number): Readonly<Record<string, string>> {
  const times = Object.entries(ETCD_TIMING_MS).map(([name, ms]) => [name, String(Math.round(ms * patience))]);
  return Object.fromEntries(times) as Record<string, string>;
}

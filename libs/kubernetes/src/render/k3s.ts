import type { NodePlacement } from "../distribution.ts";
import { K3S, K3S_ETCD_HTTP_PORT } from "../k3s-settings.ts";
import type { MachineFacts } from "../machine.ts";
import { API_NAME, API_SERVER_PORT, API_URL, CLUSTER_DOMAIN, etcdTiming, PAUSE_IMAGE } from "../settings.ts";
import { apiServerArgs, controllerManagerArgs, leaderElectionArgs } from "./controllers.ts";
import { yamlDocuments } from "./document.ts";
import { kubeletSettings } from "./kubelet.ts";
import { dnsAddress } from "./networks.ts";

/** Whether a server founds the cluster or belongs to one. */
export type ServerStart = "found" | "join";

/**
 * k3s' configuration of a server (docs.k3s.io/cli/server). With "found" it makes a cluster where it finds no data of one;
 * a server that went through that gets the other form afterwards, or it would found a second cluster after the loss of
 * its data (k3s-io/k3s issue 13623). `patience` says how many times slower than usual the machines are.
 */
export function renderServerConfig(placement: NodePlacement, start: ServerStart, patience = 1): string {
  const { addressPlan, meshAddress } = placement;
  return yamlDocuments({
    ...(start === "found" ? { "cluster-init": true } : { server: API_URL }),
    "token-file": K3S.serverToken,
    "agent-token-file": K3S.agentToken,
    ...nodeConfig(placement),
    // On the mesh and nowhere else: etcd follows the node's address, the API server this one.
    "bind-address": meshAddress,
    "advertise-address": meshAddress,
    "https-listen-port": API_SERVER_PORT,
    "tls-san": [API_NAME],
    "cluster-cidr": addressPlan.pods,
    "service-cidr": addressPlan.services,
    "cluster-dns": dnsAddress(addressPlan),
    "cluster-domain": CLUSTER_DOMAIN,
    // The mesh carries the pods' packets, so there is nothing to encapsulate, and servers reach every kubelet directly.
    "flannel-backend": "none",
    "egress-selector-mode": "disabled",
    "disable-network-policy": true,
    "disable-helm-controller": true,
    // Each would need an image from a registry. DNS has manifests and an image of its own.
    disable: ["coredns", "local-storage", "metrics-server", "servicelb", "traefik"],
    "secrets-encryption": true,
    "secrets-encryption-provider": "secretbox",
    "write-kubeconfig-mode": "0600",
    // Balancers ask every server whether it is ready, and have no credentials. What else nobody in particular may do is
    // what the API's own rules say: versions and health.
    "kube-apiserver-arg": ["anonymous-auth=true", ...args(apiServerArgs(patience))],
    "kube-controller-manager-arg": args(controllerManagerArgs(patience)),
    "kube-scheduler-arg": args(leaderElectionArgs(patience)),
    "etcd-arg": args({
      ...etcdTiming(patience),
      // Members are asked and changed by HTTP. It needs a client certificate of etcd's own authority, which servers have.
      "enable-grpc-gateway": "true",
      "listen-client-http-urls": `https://${meshAddress}:${K3S_ETCD_HTTP_PORT}`,
    }),
  });
}

/** k3s' configuration of a worker (docs.k3s.io/cli/agent). */
export function renderAgentConfig(placement: NodePlacement): string {
  return yamlDocuments({
    server: API_URL,
    "token-file": K3S.joinToken,
    ...nodeConfig(placement),
    // k3s' own balancer would keep a list of servers of its own: this machine's is told who serves.
    "disable-apiserver-lb": true,
  });
}

/** What both have: every server is a node too. */
function nodeConfig(placement: NodePlacement): Readonly<Record<string, unknown>> {
  return {
    "node-name": placement.nodeName,
    "node-ip": placement.meshAddress,
    "node-label": [`cluster-os.dev/index=${placement.index}`],
    "pause-image": PAUSE_IMAGE,
    "resolv-conf": K3S.resolvConf,
    "kube-proxy-arg": args({
      "proxy-mode": "iptables",
      "nodeport-addresses": "primary",
      "healthz-bind-address": "127.0.0.1:10256",
      "metrics-bind-address": "127.0.0.1:10249",
      "conntrack-max-per-core": "0",
      "conntrack-min": "0",
    }),
  };
}

/**
 * What k3s' kubelet is told besides: a file in its folder of additions, which is read after k3s' own
 * (docs.k3s.io, "Kubelet Configuration Files"). The control groups' driver is k3s' to find out.
 */
export function renderKubeletDropIn(placement: NodePlacement, machine: MachineFacts, patience = 1): string {
  return yamlDocuments({
    ...kubeletSettings(patience),
    address: placement.meshAddress,
    ...(machine.cgroupVersion === 1 && { failCgroupV1: false }),
  });
}

/**
 * What pods that ask for the machine's name servers get. k3s would give them a public one in the internet where the
 * machine has none that a pod can reach.
 */
export function renderResolvConf(machine: Pick<MachineFacts, "nameservers">): string {
  return machine.nameservers.map((address) => `nameserver ${address}\n`).join("");
}

function args(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

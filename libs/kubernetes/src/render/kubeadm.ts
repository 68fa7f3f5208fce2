import type { KubeadmServerCredentials } from "../credentials.ts";
import type { NetworkPlan, NodePlacement } from "../distribution.ts";
import { AUTHORITY_LIFE_MS, CERTIFICATE_LIFE_MS } from "../plan/certificates.ts";
import {
  API_NAME,
  API_SERVER_PORT,
  BALANCER_PORT,
  CLUSTER_DOMAIN,
  CRI_SOCKET,
  IMAGE_REPOSITORY,
  PATHS,
  etcdTiming,
} from "../settings.ts";
import { apiServerArgs, controllerManagerArgs, duration, leaderElectionArgs } from "./controllers.ts";
import { yamlDocuments } from "./document.ts";
import { featureGates } from "./feature-gates.ts";
import { kubeletSettings } from "./kubelet.ts";
import { dnsAddress } from "./networks.ts";

export const KUBEADM_API = "kubeadm.k8s.io/v1beta4";

/**
 * Configuration of `kubeadm init`. `version` is the Kubernetes that is made, for example "v1.34.4". `token` only has to be there - kubeadm would otherwise make one that lasts a day -
 * and is dead before init ends: joins get tokens of their own. `patience` says how many times slower than usual the machines
 * are, of which there is one setting for the whole cluster.
 */
export function renderInitConfiguration(
  version: string,
  placement: NodePlacement,
  token: string,
  patience = 1,
  certificateLifeMs = CERTIFICATE_LIFE_MS,
): string {
  return yamlDocuments(
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      bootstrapTokens: [
        {
          token,
          ttl: "1s",
          usages: ["signing", "authentication"],
          groups: ["system:bootstrappers:kubeadm:default-node-token"],
        },
      ],
      localAPIEndpoint: localApiEndpoint(placement),
      // Cluster DNS has manifests of its own, nobody reads the join command, and the kubelet is finalised earlier.
      skipPhases: ["addon/coredns", "show-join-command", "kubelet-finalize"],
      nodeRegistration: nodeRegistration(placement, patience),
      patches: { directory: PATHS.patches },
      timeouts: timeouts(patience),
    },
    { ...clusterConfiguration(version, placement.addressPlan, patience), ...validity(certificateLifeMs) },
    kubeletConfiguration(placement.addressPlan, patience),
    kubeProxyConfiguration(placement.addressPlan),
  );
}

/** Configuration of `kubeadm join`. `discoveryPath` is a kubeconfig file from {@link renderDiscoveryKubeconfig}. */
export function renderJoinConfiguration(
  placement: NodePlacement,
  token: string,
  discoveryPath: string,
  server?: KubeadmServerCredentials,
  patience = 1,
): string {
  return yamlDocuments({
    apiVersion: KUBEADM_API,
    kind: "JoinConfiguration",
    // By file rather than by token: the cluster's CA came with the sealed credentials, so nothing has to be looked up
    // first, and nobody has to wait until a fresh token's signature appears on the cluster-info ConfigMap.
    discovery: { file: { kubeConfigPath: discoveryPath }, tlsBootstrapToken: token },
    nodeRegistration: nodeRegistration(placement, patience),
    patches: { directory: PATHS.patches },
    timeouts: timeouts(patience),
    ...(server && {
      controlPlane: { localAPIEndpoint: localApiEndpoint(placement), certificateKey: server.certificateKey },
    }),
  });
}

/** Configuration of `kubeadm init phase upload-certs`, which keeps the key of the certificates off the command line. */
export function renderUploadCertsConfiguration(
  version: string,
  placement: NodePlacement,
  certificateKey: string,
): string {
  return yamlDocuments(
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      certificateKey,
      localAPIEndpoint: localApiEndpoint(placement),
      nodeRegistration: nodeRegistration(placement),
    },
    clusterConfiguration(version, placement.addressPlan),
  );
}

/**
 * Configuration of `kubeadm init phase etcd local` on a machine that joins: its member starts as part of `cluster`, in
 * the form of etcd's --initial-cluster, instead of founding one.
 */
export function renderEtcdConfiguration(
  version: string,
  placement: NodePlacement,
  cluster: string,
  patience = 1,
): string {
  return yamlDocuments(
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      localAPIEndpoint: localApiEndpoint(placement),
      nodeRegistration: nodeRegistration(placement),
      patches: { directory: PATHS.patches },
    },
    clusterConfiguration(version, placement.addressPlan, patience, {
      "initial-cluster": cluster,
      "initial-cluster-state": "existing",
    }),
  );
}

/** Configuration of `kubeadm certs renew`, which has those that it makes live for `certificateLifeMs`. */
export function renderRenewalConfiguration(
  version: string,
  placement: NodePlacement,
  certificateLifeMs: number,
): string {
  return yamlDocuments(
    {
      apiVersion: KUBEADM_API,
      kind: "InitConfiguration",
      localAPIEndpoint: localApiEndpoint(placement),
      nodeRegistration: nodeRegistration(placement),
    },
    { ...clusterConfiguration(version, placement.addressPlan), ...validity(certificateLifeMs) },
  );
}

/** How long certificates live, where that is not kubeadm's own year. */
function validity(certificateLifeMs: number): object {
  if (certificateLifeMs === CERTIFICATE_LIFE_MS) return {};
  return { certificateValidityPeriod: duration(certificateLifeMs / 1000) };
}

/** Configuration of `kubeadm kubeconfig user`. */
export function renderClusterConfiguration(version: string, plan: NetworkPlan): string {
  return yamlDocuments(clusterConfiguration(version, plan));
}

/** Long enough for a loaded machine with a slow disk, and short enough that an act ends within three minutes. */
const TIMEOUTS_S = {
  controlPlaneComponentHealthCheck: 120,
  kubeletHealthCheck: 60,
  kubernetesAPICall: 60,
  etcdAPICall: 60,
  tlsBootstrap: 60,
  discovery: 30,
};

/** kubeadm's time-outs, and `more` in seconds, on machines that are `patience` times slower than usual ones. */
export function timeouts(patience: number, more: Readonly<Record<string, number>> = {}): object {
  return Object.fromEntries(
    Object.entries({ ...TIMEOUTS_S, ...more }).map(([name, seconds]) => [name, duration(seconds * patience)]),
  );
}

function localApiEndpoint(placement: NodePlacement): object {
  return { advertiseAddress: placement.meshAddress, bindPort: API_SERVER_PORT };
}

/** How often a kubelet reads what its containers use, which is most of its own work at rest (cAdvisor's own default), in seconds. */
const HOUSEKEEPING_S = 10;

function nodeRegistration(placement: NodePlacement, patience = 1): object {
  return {
    name: placement.nodeName,
    criSocket: CRI_SOCKET,
    imagePullPolicy: "Never",
    // Two processors are kubeadm's advice for a server. One serves, more slowly, and there may be no other machine.
    ignorePreflightErrors: ["NumCPU"],
    // Servers work too: a cluster of three machines has no others.
    taints: [],
    kubeletExtraArgs: args({
      "node-ip": placement.meshAddress,
      "node-labels": `cluster-os.dev/index=${placement.index}`,
      ...(patience > 1 && { "housekeeping-interval": duration(HOUSEKEEPING_S * patience) }),
    }),
  };
}

/** What holds for the whole cluster and nothing of one machine: that goes into patches. */
function clusterConfiguration(
  version: string,
  plan: NetworkPlan,
  patience = 1,
  etcdArgs: Readonly<Record<string, string>> = {},
): object {
  return {
    apiVersion: KUBEADM_API,
    kind: "ClusterConfiguration",
    clusterName: "cluster-os",
    kubernetesVersion: version,
    controlPlaneEndpoint: `${API_NAME}:${BALANCER_PORT}`,
    imageRepository: IMAGE_REPOSITORY,
    encryptionAlgorithm: "ECDSA-P256",
    caCertificateValidityPeriod: duration(AUTHORITY_LIFE_MS / 1000),
    featureGates: featureGates(version),
    networking: { podSubnet: plan.pods, serviceSubnet: plan.services, dnsDomain: CLUSTER_DOMAIN },
    apiServer: {
      extraArgs: args({ "encryption-provider-config": PATHS.secretsEncryption, ...apiServerArgs(patience) }),
    },
    controllerManager: {
      extraArgs: args(controllerManagerArgs(patience)),
    },
    scheduler: { extraArgs: args(leaderElectionArgs(patience)) },
    etcd: {
      local: {
        dataDir: PATHS.etcdFolder,
        extraArgs: args({ ...etcdTiming(patience), ...etcdArgs }),
      },
    },
  };
}

function kubeletConfiguration(plan: NetworkPlan, patience: number): object {
  return {
    ...kubeletSettings(patience),
    cgroupDriver: "systemd",
    clusterDNS: [dnsAddress(plan)],
    clusterDomain: CLUSTER_DOMAIN,
    rotateCertificates: true,
  };
}

function kubeProxyConfiguration(plan: NetworkPlan): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    clusterCIDR: plan.pods,
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    // On the node's own address, which is the mesh's: what faces users is declared elsewhere.
    nodePortAddresses: ["primary"],
    // The kernel's own limits stay: they belong to the machine, and in a container they cannot be set.
    conntrack: { maxPerCore: 0, min: 0 },
  };
}

function args(values: Readonly<Record<string, string>>): readonly object[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

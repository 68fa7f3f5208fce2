import type { UpgradePart } from "../distribution.ts";
import { PATHS } from "../settings.ts";
import { yamlDocuments } from "./document.ts";
import { KUBEADM_API, timeouts } from "./kubeadm.ts";

/**
 * Cluster DNS has manifests of its own. `kubeconfig` would bind a server's kubelet to its own API server: here all kubelets go
 * through their balancers.
 */
const UPGRADE_PHASES_SKIPPED = ["addon/coredns", "kubeconfig"];

/** What belongs to one part alone. */
const UPGRADE_PHASES: Readonly<Record<UpgradePart, readonly string[]>> = {
  "control-plane": ["preflight", "control-plane", "addon/kube-proxy"],
  kubelet: ["kubelet-config", "post-upgrade"],
};

/** For each of a server's static pods to be back with another version, in seconds: kubeadm's own. */
const UPGRADE_MANIFESTS_S = 300;

/**
 * NumCPU as everywhere; SystemVerification because of control groups v1, as the kubelet is told. CreateJob has a pod run for a
 * moment to see whether pods run at all, on a server that may be full. What concerns CoreDNS is about kubeadm's own, which is not
 * here.
 */
const UPGRADE_CHECKS_IGNORED = [
  "NumCPU",
  "SystemVerification",
  "CreateJob",
  "CoreDNSUnsupportedPlugins",
  "CoreDNSMigration",
];

/**
 * Configuration of `kubeadm upgrade apply` on the first server of an upgrade, and of `kubeadm upgrade node` on all other
 * machines. Certificates are renewed at a time of their own, and cluster DNS has manifests of its own.
 */
export function renderUpgradeConfiguration(version: string, part: UpgradePart, patience = 1): string {
  const other = part === "kubelet" ? "control-plane" : "kubelet";
  const both = {
    certificateRenewal: false,
    etcdUpgrade: true,
    imagePullPolicy: "Never",
    ignorePreflightErrors: UPGRADE_CHECKS_IGNORED,
    patches: { directory: PATHS.patches },
    skipPhases: [...UPGRADE_PHASES_SKIPPED, ...UPGRADE_PHASES[other]],
  };
  return yamlDocuments({
    apiVersion: KUBEADM_API,
    kind: "UpgradeConfiguration",
    // Forced is what kubeadm calls it when nobody is asked at a terminal.
    apply: { ...both, kubernetesVersion: version, forceUpgrade: true },
    node: both,
    timeouts: timeouts(patience, { upgradeManifests: UPGRADE_MANIFESTS_S }),
  });
}

/** Makes this machine the Kubernetes server or worker it was elected to be. */
export { JoinCredentials } from "./credentials.ts";
export type {
  BalancerPlacement,
  Distribution,
  EtcdMemberStatus,
  InitServerRequest,
  JoinServerRequest,
  JoinWorkerRequest,
  KubeconfigRequest,
  KubeletAccess,
  KubernetesStatus,
  KubernetesVersions,
  NetworkPlan,
  NodePlacement,
  ReadmissionRequest,
  RestoreRequest,
  RestoreSource,
  ServerAddress,
  UpgradePart,
} from "./distribution.ts";
export { KubernetesError } from "./errors.ts";
export type { CertificateState } from "./plan/certificates.ts";
export { compareVersions, parseVersion, type KubernetesVersion } from "./plan/versions.ts";
export { NoDistributionError, type DistributionName } from "./plan/choice.ts";
export { patientPods, PATIENCE_VARIABLE } from "./render/patient-pods.ts";
export { API_URL } from "./settings.ts";

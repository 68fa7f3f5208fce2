/** What makes Kubernetes happen on a real machine. */
export type { Command, CommandResult, Host, HttpsRequest, HttpsResponse } from "./host.ts";
export { kubeadmDistribution, type KubeadmOptions } from "./kubeadm-distribution.ts";
export { patientHost } from "./patient-host.ts";
export { linuxHost } from "./linux-host.ts";

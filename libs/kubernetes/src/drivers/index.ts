/** What makes Kubernetes happen on a real machine. */
export type { Command, CommandResult, Host, HttpsRequest, HttpsResponse } from "./host.ts";
export { installedDistributions, openDistribution } from "./installed.ts";
export { k3sDistribution } from "./k3s/distribution.ts";
export { kubeadmDistribution } from "./kubeadm-distribution.ts";
export { patientHost } from "./patient-host.ts";
export { linuxHost } from "./linux-host.ts";
export type { DistributionOptions } from "./options.ts";

import { NAMESPACE } from "../names.ts";

/** Name of the operator's Deployment, service account and Lease. */
export const SLURM_OPERATOR_NAME = "slurm-operator";

/** The Kubernetes user that it is. */
export const SLURM_OPERATOR_USER = `system:serviceaccount:${NAMESPACE}:${SLURM_OPERATOR_NAME}`;

/** Name of the ConfigMap with the rendered configuration of a SlurmCluster. */
export function slurmConfigName(cluster: string): string {
  return `slurm-${cluster}-config`;
}

/** Name of the Secret with the keys of a SlurmCluster, whatever signs its messages. */
export function slurmKeysName(cluster: string): string {
  return `slurm-${cluster}-munge`;
}

/** Name of the Lease that the controller of a SlurmCluster renews. */
export function slurmLeaseName(cluster: string): string {
  return `slurm-${cluster}-controller`;
}

/** TCP port on which machines keep copies of the controller's state for each other, on their mesh addresses only. */
export const SLURM_STATE_PORT = 8688;

/** Annotation of a SlurmCluster: another value has its keys replaced at once. */
export const ROTATE_KEYS_ANNOTATION = "cluster-os.dev/rotate-keys";

/** What slurm.conf calls the controller's machine, for ever. */
export const SLURM_CONTROLLER_ALIAS = "slurmctl";

/** Where slurmctld listens (slurm.conf(5): SlurmctldPort, which is not set). */
export const SLURM_CONTROLLER_PORT = 6817;

/** A drain with a reason that begins so was wished in Kubernetes, and is undone when that wish ends. */
export const SLURM_REASON_OWNER = "cluster-os:";

/**
 * The shapes that cross a border: the given file, the ClusterNode resource, the local API, the command line's JSON, and
 * the Kubernetes objects that stand for nodes. Each is one zod schema; types, CRD and reference pages follow from it.
 */
export * from "./cli-output.ts";
export * from "./ring-keys.ts";
export * from "./config-file.ts";
export * from "./firewall.ts";
export * from "./local-acts.ts";
export * from "./local-api.ts";
export * from "./node-status.ts";
export { nearest } from "./nearest.ts";
export * from "./objects/agent-access.ts";
export * from "./objects/agent-policy.ts";
export * from "./objects/audit.ts";
export * from "./objects/base.ts";
export * from "./objects/join-key.ts";
export type { PlainObject } from "./objects/kubernetes-object.ts";
export * from "./objects/names.ts";
export * from "./objects/node-objects.ts";
export * from "./objects/operator-policy.ts";
export * from "./objects/pending.ts";
export * from "./objects/revocation.ts";
export * from "./objects/server-access.ts";
export * from "./objects/slurm/config.ts";
export * from "./objects/slurm/keys.ts";
export * from "./objects/slurm/lease.ts";
export * from "./objects/slurm/names.ts";
export * from "./objects/slurm/rest.ts";
export * from "./peer-api.ts";
export * from "./resources/cluster-node.ts";
export * from "./resources/condition.ts";
export * from "./resources/crd.ts";
export { durationSeconds } from "./resources/duration.ts";
export * from "./resources/node-capabilities.ts";
export * from "./resources/resource-definition.ts";
export * from "./resources/slurm-cluster.ts";
export * from "./resources/slurm-token.ts";
export { PARAMETER_VALUE, RESERVED_PARAMETERS } from "./resources/slurm/configuration.ts";
export * from "./resources/slurm/node-status.ts";
export type { Partition } from "./resources/slurm/partition.ts";
export * from "./resources/slurm/spec.ts";
export * from "./resources/slurm/status.ts";
export type { SlurmUser } from "./resources/slurm/user.ts";
export * from "./resources/structural.ts";

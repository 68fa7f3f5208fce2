import type { ResourceMetadata } from "./metadata.ts";
import { apiVersionOf, type ResourceDefinition } from "./resource-definition.ts";
import { SLURM_CLUSTER_DEFAULTS, SlurmClusterSpecSchema } from "./slurm/spec.ts";
import { SlurmClusterStatusSchema, type SlurmClusterStatus } from "./slurm/status.ts";

/** The one SlurmCluster there is: a machine takes part in one SLURM cluster, as it takes part in one of Kubernetes. */
export const SLURM_CLUSTER_NAME = "default";

/** Conditions of a SlurmCluster; all are the operator's. */
export const SLURM_CLUSTER_CONDITIONS = [
  "Ready",
  "ControllerAvailable",
  "StateReplicated",
  "FailoverReady",
  "ConfigApplied",
  "KeysSynced",
] as const;
export type SlurmClusterCondition = (typeof SLURM_CLUSTER_CONDITIONS)[number];

export const SlurmCluster = {
  group: "cluster-os.dev",
  version: "v1alpha1",
  kind: "SlurmCluster",
  plural: "slurmclusters",
  singular: "slurmcluster",
  shortNames: ["slurm", "sc"],
  categories: ["cluster-os"],
  scope: "Cluster",
  description:
    "SLURM on the machines of the cluster: no head node, a controller that moves when its machine is lost.",
  spec: SlurmClusterSpecSchema,
  specDefault: SLURM_CLUSTER_DEFAULTS,
  status: SlurmClusterStatusSchema,
  rules: [
    {
      rule: `self.metadata.name == '${SLURM_CLUSTER_NAME}'`,
      message: `there is one SlurmCluster, and its name is ${SLURM_CLUSTER_NAME}: a machine takes part in one SLURM cluster`,
    },
  ],
  columns: [
    {
      name: "Controller",
      type: "string",
      jsonPath: ".status.activeController.node",
      description: "Node that runs slurmctld.",
    },
    {
      name: "Epoch",
      type: "integer",
      jsonPath: ".status.activeController.epoch",
      description: "How often a controller was chosen.",
    },
    { name: "Nodes", type: "string", jsonPath: ".status.nodesText", description: "Available nodes of all." },
    { name: "Running", type: "integer", jsonPath: ".status.jobs.running", description: "Jobs that run." },
    { name: "Pending", type: "integer", jsonPath: ".status.jobs.pending", description: "Jobs that wait." },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Whether jobs are taken and run.",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Time since it was made.",
    },
    {
      name: "Failover",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="FailoverReady")].status',
      description: "Whether another node could take over.",
      isWide: true,
    },
    {
      name: "Key",
      type: "integer",
      jsonPath: ".status.keys.current",
      description: "Generation of the key in use.",
      isWide: true,
    },
    {
      name: "Config",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="ConfigApplied")].status',
      description: "Whether the configuration is in use.",
      isWide: true,
    },
  ],
} as const satisfies ResourceDefinition;

export const SLURM_CLUSTER_API_VERSION: string = apiVersionOf(SlurmCluster);

/** A SlurmCluster as the API has it. Its spec is as somebody wrote it: see {@link SlurmClusterSpecSchema}. */
export interface SlurmClusterObject {
  readonly apiVersion: string;
  readonly kind: "SlurmCluster";
  readonly metadata: ResourceMetadata;
  readonly spec?: unknown;
  readonly status?: SlurmClusterStatus;
}

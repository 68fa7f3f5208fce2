import { z } from "zod";
import { Condition } from "../condition.ts";
import { listMap } from "../lists.ts";

const time = (description: string) => z.iso.datetime().meta({ description, format: "date-time" });

/** A point in the history of slurmctld's saved state: later epochs are newer, and higher numbers within one. */
export const ReplicaPosition = z.object({
  epoch: z.int().min(0).describe("Epoch of the controller that saved it."),
  sequence: z.int().min(0).describe("Number of the save within that epoch."),
});
export type ReplicaPosition = z.infer<typeof ReplicaPosition>;

const ActiveController = z.object({
  node: z
    .string()
    .max(63)
    .optional()
    .describe("ClusterNode that runs slurmctld in this epoch; absent while one is being chosen."),
  address: z.string().max(64).optional().describe("Its mesh address: what `slurmctl` means on every node."),
  epoch: z
    .int()
    .min(1)
    .describe("Grows with every choice. Of two that say they are controller, the higher one is."),
  since: time("When this epoch began.").optional(),
});

const Replica = z.object({
  node: z.string().max(63).describe("ClusterNode that keeps a copy of the controller's state."),
  address: z.string().max(64).optional().describe("Its mesh address."),
  promised: z
    .int()
    .min(0)
    .optional()
    .describe("It takes nothing from controllers of earlier epochs than this."),
  position: ReplicaPosition.optional().describe("How new its copy is; absent where it has none."),
});

const Drain = z.object({
  node: z.string().max(63).describe("ClusterNode on which no new job is to begin."),
  reason: z
    .string()
    .max(256)
    .describe(
      "What `sinfo -R` is to show; it begins with its owner, `cluster-os:`, by which it is undone again.",
    ),
});

const NodeKeys = z.object({
  node: z.string().max(63).describe("ClusterNode."),
  current: z.int().min(0).optional().describe("Generation that signs there; absent where there is none yet."),
  next: z.int().min(0).optional().describe("Generation that lies ready there."),
});

const count = (description: string) => z.int().min(0).describe(description);

export const SlurmClusterStatusSchema = z
  .object({
    activeController: ActiveController.optional().describe(
      "Who runs slurmctld. The Lease `slurm-NAME-controller` decides; this shows it.",
    ),
    replicas: listMap(Replica, ["node"], 7, "Nodes that are to keep the controller's state."),
    nodes: z
      .object({
        total: count("Nodes that take part."),
        available: count("Nodes that take jobs, as SLURM sees it."),
        down: count("Nodes that SLURM does not reach, or took out of service itself."),
        drained: count("Nodes on which no new job begins."),
      })
      .optional()
      .describe("The nodes, as SLURM sees them."),
    nodesText: z
      .string()
      .max(32)
      .optional()
      .describe("Available nodes of all, for the column of `kubectl get`, which cannot do sums."),
    jobs: z
      .object({
        running: count("Jobs that run."),
        pending: count("Jobs that wait."),
      })
      .optional()
      .describe("Jobs, as the controller last told."),
    keys: z
      .object({
        current: z.int().min(1).describe("Generation of the key in use."),
        next: z.int().min(2).optional().describe("Generation that is being handed out."),
        switchAt: time(
          "The instant at which every node changes to the next one; absent until all have it.",
        ).optional(),
        madeAt: time("When the key in use was made.").optional(),
        nodes: listMap(NodeKeys, ["node"], 4096, "Which node has which."),
      })
      .optional()
      .describe("The keys that sign SLURM's messages; never the keys themselves."),
    config: z
      .object({
        hash: z.string().max(64).describe("Of the rendered configuration."),
        appliedHash: z.string().max(64).optional().describe("Of the configuration that slurmctld runs with."),
      })
      .optional()
      .describe("The configuration."),
    drains: listMap(
      Drain,
      ["node"],
      4096,
      "Nodes that are to be drained, and why; the controller's node-agent does it.",
    ),
    conditions: listMap(
      Condition,
      ["type"],
      16,
      "Ready, ControllerAvailable, StateReplicated, FailoverReady, ConfigApplied, KeysSynced; all by the operator.",
    ),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .describe("The generation of the spec that the operator has seen."),
  })
  .describe("What is observed of the SLURM cluster.");
export type SlurmClusterStatus = z.infer<typeof SlurmClusterStatusSchema>;

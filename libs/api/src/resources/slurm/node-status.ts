import { z } from "zod";
import { ReplicaPosition } from "./status.ts";

const count = (description: string) => z.int().min(0).describe(description);

const KeyGenerations = z.object({
  current: z.int().min(1).optional().describe("Generation that signs SLURM's messages here."),
  next: z.int().min(2).optional().describe("Generation that lies ready here."),
});

const Slurmd = z.object({
  state: z.enum(["Stopped", "Starting", "Running", "Failed"]).describe("State of the unit that runs slurmd."),
  message: z.string().max(1024).optional().describe("What went wrong, in SLURM's own words."),
});

const SlurmView = z.object({
  states: z
    .array(z.string().max(32))
    .max(16)
    .describe(
      "SLURM's words for the state of this node, for example IDLE and DRAIN. Absent: it did not say.",
    ),
  reason: z.string().max(256).optional().describe("Why it is drained or down, in the words of who did it."),
});

const Drained = z.object({
  node: z.string().max(63).describe("ClusterNode that SLURM drains."),
  drained: z.boolean().describe("Whether no job is left there; false while some still run."),
  reason: z.string().max(256).describe("The reason that SLURM has."),
});

const ControllerReport = z.object({
  epoch: z
    .int()
    .min(0)
    .describe(
      "The highest epoch that this node knows: it takes nothing from controllers of earlier ones, and if it runs slurmctld, it is in this epoch.",
    ),
  running: z.boolean().describe("Whether slurmctld runs here."),
  replica: ReplicaPosition.optional().describe(
    "How new the copy of the controller's state here is; absent where there is none that is whole.",
  ),
  members: z
    .array(z.string().max(63))
    .max(9)
    .optional()
    .describe("Nodes that keep the state, as the replicas last agreed."),
  replicatedSequence: z
    .int()
    .min(0)
    .optional()
    .describe("Told by the controller: the last save of its epoch that a majority of the members has."),
  tokenKeyGeneration: z
    .int()
    .min(1)
    .optional()
    .describe(
      "Told by the controller: generation of the keys by which slurmctld believes the REST API's tokens.",
    ),
  jobs: z
    .object({ running: count("Jobs that run."), pending: count("Jobs that wait.") })
    .optional()
    .describe("Told by the controller: jobs."),
  nodes: z
    .object({
      total: count("Nodes that SLURM knows."),
      available: count("Nodes that take jobs."),
      down: count("Nodes that do not answer, or failed."),
      drained: count("Nodes that are drained or being drained."),
    })
    .optional()
    .describe("Told by the controller: nodes."),
  drains: z
    .array(Drained)
    .max(4096)
    .optional()
    .describe("Told by the controller: nodes that SLURM drains, whoever wished it."),
});

/** What node-agent reports of SLURM on its machine, in `status.slurm` of its ClusterNode. */
export const SlurmNodeStatus = z.object({
  keyGenerations: KeyGenerations.optional().describe("Which keys are here."),
  slurmd: Slurmd.optional().describe("slurmd, which runs jobs."),
  view: SlurmView.optional().describe("This node, as SLURM sees it."),
  configHash: z
    .string()
    .max(64)
    .optional()
    .describe("Told by the controller: of the configuration that slurmctld runs with."),
  configRefused: z
    .object({
      hash: z.string().max(64).describe("Of the configuration that was refused."),
      message: z.string().max(4096).describe("Why, in slurmctld's own words."),
    })
    .optional()
    .describe(
      "Told by the controller: the configuration that slurmctld would not take; the one before it stays.",
    ),
  controller: ControllerReport.optional().describe("slurmctld, or the copy of its state."),
});
export type SlurmNodeStatus = z.infer<typeof SlurmNodeStatus>;

import { z } from "zod";
import { matching, ruled, shaped } from "../rules.ts";

/** SLURM's own way of writing how long: minutes, hours and minutes, days and hours, or for ever. */
const SLURM_TIME =
  /^(UNLIMITED|[0-9]{1,7}|[0-9]{1,5}:[0-5][0-9](:[0-5][0-9])?|[0-9]{1,4}-[0-9]{1,2}(:[0-5][0-9]){0,2})$/;
const TIME_MESSAGE =
  "a time is UNLIMITED, minutes (90), hours:minutes:seconds (1:30:00) or days-hours (2-12)";

/** Name of a ClusterNode. */
export const NodeNameText = shaped(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  63,
  "a node is named as in `kubectl get clusternodes`, for example n-mfzwizltoq",
);

/** Label of ClusterNodes by which nodes are chosen. */
export const NodeLabelSelector = ruled(z.record(z.string(), z.string().max(63)).meta({ maxProperties: 16 }), [
  {
    cel: 'self.all(name, name.matches(r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"))',
    holds: (labels) =>
      Object.keys(labels).every((name) =>
        /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(name),
      ),
    message:
      "a label's name has up to 63 letters, digits and -_. with a domain and a slash before them, or none",
  },
]);

const PARTITION_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

const PartitionName = ruled(z.string().min(1).max(32), [
  matching(
    PARTITION_NAME,
    "a partition's name begins with a letter and has up to 32 letters, digits, _ and -",
  ),
  {
    cel: "self.lowerAscii() != 'default'",
    holds: (name) => name.toLowerCase() !== "default",
    message: "DEFAULT is a word of slurm.conf and no name of a partition",
  },
]);

export const Partition = ruled(
  z.object({
    name: PartitionName.describe("What users write after `--partition`."),
    default: z
      .boolean()
      .default(false)
      .describe("Where jobs go that name no partition. Where none is marked, it is the first."),
    nodes: z
      .array(NodeNameText)
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: "Its nodes, by name.", "x-kubernetes-list-type": "set" }),
    nodeLabels: NodeLabelSelector.optional().describe(
      "Its nodes, by labels in the spec of their ClusterNodes: those that have all of these. Neither this nor `nodes`: every node.",
    ),
    maxTime: shaped(SLURM_TIME, 16, TIME_MESSAGE)
      .default("UNLIMITED")
      .describe("Longest time that a job may ask for."),
    defaultTime: shaped(SLURM_TIME, 16, TIME_MESSAGE)
      .optional()
      .describe("Time of a job that asks for none. Absent: `maxTime`."),
    maxNodes: z.int().min(1).max(65_533).optional().describe("Most nodes that one job may have."),
    priorityTier: z
      .int()
      .min(1)
      .max(65_533)
      .default(1)
      .describe("Jobs of a partition with a higher number are looked at first."),
    exclusive: z.boolean().default(false).describe("Whether a job has its nodes for itself."),
    state: z
      .enum(["Up", "Down", "Drain", "Inactive"])
      .default("Up")
      .describe(
        "Up: jobs are taken and begun. Down: taken, not begun. Drain: not taken, those that wait begin. Inactive: neither.",
      ),
  }),
  [
    {
      cel: "!(has(self.nodes) && has(self.nodeLabels))",
      holds: ({ nodes, nodeLabels }) => nodes === undefined || nodeLabels === undefined,
      message: "a partition has nodes or nodeLabels, not both",
    },
  ],
);
export type Partition = z.output<typeof Partition>;

export const Partitions = ruled(
  z
    .array(Partition)
    .min(1)
    .max(32)
    .default([
      { name: "all", default: true, maxTime: "UNLIMITED", priorityTier: 1, exclusive: false, state: "Up" },
    ]),
  [
    {
      cel: "self.filter(partition, partition.default).size() <= 1",
      holds: (partitions) => partitions.filter((partition) => partition.default).length <= 1,
      message: "one partition at most is the default",
    },
    {
      cel: "self.all(one, self.exists_one(other, other.name.lowerAscii() == one.name.lowerAscii()))",
      holds: (partitions) =>
        new Set(partitions.map(({ name }) => name.toLowerCase())).size === partitions.length,
      message: "no two partitions have one name, in capitals or not",
    },
  ],
);

import { z } from "zod";
import { boundedDuration } from "../duration.ts";
import { ruled, shaped } from "../rules.ts";
import { ExtraConfiguration } from "./configuration.ts";
import { ControllerPolicy } from "./controller.ts";
import { NodeLabelSelector, Partitions } from "./partition.ts";
import { Users } from "./user.ts";

/** What of a machine jobs may use. Pods may use the rest: see `shareOf` in libs/slurm. */
const Resources = z.object({
  cpuPercent: z
    .int()
    .min(1)
    .max(100)
    .default(75)
    .describe(
      "Share of a node's logical processors that jobs may use, in percent; one at least, and one is left to pods where there are two.",
    ),
  memoryPercent: z
    .int()
    .min(1)
    .max(95)
    .default(75)
    .describe(
      "Share of a node's memory that jobs may use, in percent. The rest is for pods and the system: at least 2 GiB, or three quarters of a small machine.",
    ),
});

const SHORTEST_S = 600;

const RotationInterval = boundedDuration(
  { leastS: SHORTEST_S },
  "an interval is hours, minutes and seconds, for example 720h or 1h30m, and ten minutes at least",
);

const Keys = z.object({
  rotationInterval: RotationInterval.default("720h").describe(
    "The key is replaced after so long; and at once after a node was revoked, and when annotation `cluster-os.dev/rotate-keys` gets another value.",
  ),
});

const Database = z.object({
  host: shaped(
    /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
    253,
    "a host is a name or an IPv4 address",
  ).describe("Where slurmdbd is, which the site runs: a name that every node can resolve, or an address."),
  port: z.int().min(1).max(65_535).default(6819).describe("Its port."),
});

const Topology = z.object({
  label: shaped(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    316,
    "a label's name has up to 63 letters, digits and -_. with a domain and a slash before them, or none",
  ).describe(
    "Label in the spec of ClusterNodes that names the switch a node is at, for example topology.kubernetes.io/rack. A job's nodes are chosen at as few switches as possible.",
  ),
});

export const SlurmClusterSpecSchema = ruled(
  z.object({
    clusterName: shaped(
      /^[a-z][a-z0-9]{0,39}$/,
      40,
      "a cluster's name begins with a small letter and has up to 40 small letters and digits",
    )
      .default("cluster")
      .describe("SLURM's own name of the cluster. It never changes: the saved state belongs to it."),
    nodeLabels: NodeLabelSelector.optional().describe(
      "Nodes that take part, by labels in the spec of their ClusterNodes. Absent: every node.",
    ),
    partitions: Partitions.describe("In the order in which slurm.conf lists them."),
    auth: z
      .enum(["munge", "slurm"])
      .default("munge")
      .describe(
        "How SLURM's messages are signed. munge: one key, replaced everywhere at one instant. slurm: SLURM's own auth/slurm, with several keys at a time, replaced without an instant at which both sides must agree; munge is not needed. It never changes: jobs that run would no longer be understood. To choose another one, let the jobs end, delete the SlurmCluster and apply it anew.",
      ),
    keys: Keys.prefault(Keys.parse({})).describe("The keys that sign SLURM's messages."),
    controller: ControllerPolicy.prefault(ControllerPolicy.parse({})).describe(
      "Which machine runs slurmctld, and when another one takes over.",
    ),
    users: Users.describe("People who have an account on every node."),
    resources: Resources.prefault(Resources.parse({})).describe(
      "What of each machine jobs may use; pods get the rest.",
    ),
    topology: Topology.optional().describe("How the nodes are wired. Absent: all alike."),
    gpuDetection: z
      .enum(["Reported", "NVML"])
      .default("Reported")
      .describe(
        "Where SLURM's knowledge of GPUs is from. Reported: what ClusterNodes report. NVML: NVIDIA's library, which knows links and cores too, and must be on the nodes.",
      ),
    rest: z
      .object({
        enabled: z
          .boolean()
          .default(false)
          .describe("Whether slurmrestd runs beside the controller. SlurmTokens give access to it."),
      })
      .prefault({})
      .describe("SLURM's REST API, on the mesh only."),
    database: Database.optional().describe(
      "Accounting in a database. Absent: completed jobs are kept in a file.",
    ),
    extraConfiguration: ExtraConfiguration.describe("Further parameters of slurm.conf."),
  }),
  [
    {
      cel: "self.auth == oldSelf.auth",
      message:
        "auth never changes: jobs that run would no longer be understood; let them end, delete the SlurmCluster and apply it anew with the other one",
    },
    {
      cel: "self.clusterName == oldSelf.clusterName",
      message: "clusterName never changes: the state that SLURM saved belongs to it",
    },
  ],
);

/**
 * The spec of a SlurmCluster that has none. Written out: the API server checks rules on a default before it fills in the
 * defaults within it.
 */
export const SLURM_CLUSTER_DEFAULTS = SlurmClusterSpecSchema.parse({});
export type SlurmClusterSpec = z.output<typeof SlurmClusterSpecSchema>;

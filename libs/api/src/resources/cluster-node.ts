import { z } from "zod";
import { Condition } from "./condition.ts";
import { listMap } from "./lists.ts";
import type { ResourceMetadata } from "./metadata.ts";
import { NodeCapabilities } from "./node-capabilities.ts";
import { apiVersionOf, type ResourceDefinition } from "./resource-definition.ts";
import { SlurmNodeStatus } from "./slurm/node-status.ts";

const RoleName = z.string().regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);

function roles(description: string) {
  return z.array(RoleName).max(16).optional().meta({ description, "x-kubernetes-list-type": "set" });
}

const NodeAddress = z.object({
  type: z.enum(["Mesh", "Underlay"]).describe("Mesh: stable and encrypted. Underlay: of the local network."),
  address: z.string().max(64).describe("IP address, with its interface if it is of one link only."),
});

const MeshPeer = z.object({
  node: z.string().describe("Name of the other ClusterNode."),
  address: z.string().describe("Its mesh address."),
  connected: z.boolean().describe("Whether there was a WireGuard handshake within the last three minutes."),
  lastHandshakeTime: z.iso.datetime().optional().meta({
    description: "When it was last heard; given for a peer that is not connected.",
    format: "date-time",
  }),
});

const Mesh = z.object({
  interface: z.string().describe("Name of the WireGuard interface."),
  implementation: z
    .enum(["kernel", "userspace"])
    .optional()
    .describe("What carries it: the kernel, or a program where the kernel has no WireGuard."),
  peerCount: z.int().min(0).optional().describe("How many other nodes are in the mesh, listed below or not."),
  peers: listMap(
    MeshPeer,
    ["node"],
    4096,
    "Other nodes of the mesh: at most 64, those that are not connected before the others.",
  ),
});

/** A label's value: empty, or up to 63 letters, digits, and `-_.` between them. */
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/;
/** A name of up to 63 such characters, with or without a domain before a slash (Kubernetes' "qualified name"). */
const QUALIFIED_NAME =
  "([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";

const NodeLabels = z.record(z.string(), z.string().max(63).regex(LABEL_VALUE)).meta({
  description: "Labels of the Kubernetes Node, beside those that others give it.",
  maxProperties: 64,
  "x-kubernetes-validations": [
    {
      rule: `self.all(name, name.matches('^${QUALIFIED_NAME}$'))`,
      message:
        "a label's name has up to 63 letters, digits and -_. with a domain and a slash before them, or none",
    },
    {
      rule: "!self.exists(name, name.startsWith('kubernetes.io/') || name.startsWith('node-role.kubernetes.io/') || name.startsWith('cluster-os.dev/'))",
      message:
        "labels of kubernetes.io, node-role.kubernetes.io and cluster-os.dev are written by the system; roles follow from what the node does",
    },
  ],
});

const NodeTaint = z
  .object({
    key: z
      .string()
      .min(1)
      .max(316)
      .regex(new RegExp(`^${QUALIFIED_NAME}$`))
      .describe("Name of the taint."),
    value: z.string().max(63).regex(LABEL_VALUE).optional().describe("Its value; absent is empty."),
    effect: z
      .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
      .describe("What happens to pods that do not tolerate it."),
  })
  .meta({
    "x-kubernetes-validations": [
      {
        rule: "!self.key.startsWith('node.kubernetes.io/')",
        message:
          "taints of node.kubernetes.io are written by Kubernetes; use unschedulable to take a node out of service",
      },
    ],
  });

const NodeTaints = listMap(
  NodeTaint,
  ["key", "effect"],
  16,
  "Taints of the Kubernetes Node, beside those that others give it.",
);

const Versions = z.object({
  clusterOs: z.string().optional().describe("Version of Cluster-OS."),
  kernel: z.string().optional().describe("Kernel release."),
  os: z.string().optional().describe("Operating system, for example Debian GNU/Linux 13 (trixie)."),
});

const Spec = z
  .object({
    admission: z
      .enum(["Approved", "Revoked"])
      .optional()
      .describe(
        "A person's decision on the node. `Approved` lets in one that waits (condition Member is False, reason Pending). " +
          "`Revoked` takes it out for ever: out of the mesh and of Kubernetes, whatever it says; this object goes with it.",
      ),
    unschedulable: z
      .boolean()
      .optional()
      .describe("No new work is placed on this node; what runs there goes on, as with `kubectl cordon`."),
    roles: roles(
      "Roles wanted of this node, instead of those it would be given. Empty or absent: it is decided for it.",
    ),
    labels: NodeLabels.optional(),
    taints: NodeTaints,
  })
  .meta({
    description: "What is wanted of the node.",
    "x-kubernetes-validations": [
      {
        rule: "!has(oldSelf.admission) || oldSelf.admission != 'Revoked' || (has(self.admission) && self.admission == 'Revoked')",
        message: "a revocation is never taken back: a machine that is to come back gets a new identity",
      },
    ],
  });

const Status = z
  .object({
    nodeID: z
      .string()
      .regex(/^ed25519:[0-9a-f]{64}$/)
      .optional()
      .meta({
        description: "The node's public key, which is its identity. Never changes once it is set.",
        "x-kubernetes-validations": [
          { rule: "self == oldSelf", message: "nodeID never changes: another key is another node" },
        ],
      }),
    index: z.int().min(1).max(4096).optional().describe("The number from which its addresses follow."),
    label: z.string().max(63).optional().describe("The site's own name for the machine."),
    roles: roles("What the node does at present."),
    rolesText: z
      .string()
      .max(1024)
      .optional()
      .describe("The roles on one line, for the column of `kubectl get`, which cannot show a list."),
    capabilities: NodeCapabilities.optional().describe("What the machine has."),
    addresses: listMap(NodeAddress, ["type", "address"], 64, "Where the node is reached."),
    mesh: Mesh.optional().describe("The encrypted mesh, as this node sees it."),
    versions: Versions.optional().describe("What runs on the node."),
    slurm: SlurmNodeStatus.optional().describe("SLURM on this node; absent where the machine takes no part."),
    conditions: listMap(
      Condition,
      ["type"],
      32,
      "Ready, SpecApplied, Member, IdentityVerified, RootKeysExposed, MeshConnected, KubernetesReady, ClockSynchronized, SlurmRegistered; each has one writer.",
    ),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .describe("The generation of the spec that the node has seen."),
  })
  .meta({
    description: "What is observed of the node.",
    "x-kubernetes-validations": [
      { rule: "!has(oldSelf.nodeID) || has(self.nodeID)", message: "nodeID stays once it is set" },
    ],
  });

/**
 * Conditions of a ClusterNode, each with one writer: Ready and SpecApplied are the operator's, Member and
 * IdentityVerified the servers' bootstrap's, the others node-agent's.
 *
 * Member is True of a node that takes part, False with reason Left of one that said goodbye (it may come back as it is),
 * and False with reason Revoked of one whose admission was revoked. Absent counts as True.
 *
 * RootKeysExposed is on servers only, and only while it is True.
 */
export const CLUSTER_NODE_CONDITIONS = [
  "Ready",
  "SpecApplied",
  "Member",
  "IdentityVerified",
  "RootKeysExposed",
  "MeshConnected",
  "KubernetesReady",
  "ClockSynchronized",
  "SlurmRegistered",
] as const;
export type ClusterNodeCondition = (typeof CLUSTER_NODE_CONDITIONS)[number];

export const ClusterNode = {
  group: "cluster-os.dev",
  version: "v1alpha1",
  kind: "ClusterNode",
  plural: "clusternodes",
  singular: "clusternode",
  shortNames: ["cn"],
  categories: ["cluster-os"],
  scope: "Cluster",
  description: "One machine of the cluster. Its name is the short form of its key.",
  spec: Spec,
  status: Status,
  columns: [
    { name: "Roles", type: "string", jsonPath: ".status.rolesText", description: "What the node does." },
    {
      name: "CPU",
      type: "integer",
      jsonPath: ".status.capabilities.cpu",
      description: "Logical processors.",
    },
    { name: "Memory", type: "string", jsonPath: ".status.capabilities.memory", description: "Memory." },
    {
      name: "GPU",
      type: "integer",
      jsonPath: ".status.capabilities.gpus",
      description: "Graphics processors.",
    },
    {
      name: "Address",
      type: "string",
      jsonPath: '.status.addresses[?(@.type=="Mesh")].address',
      description: "Address in the mesh.",
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Whether the node takes work.",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Time since admission.",
    },
    { name: "Node ID", type: "string", jsonPath: ".status.nodeID", description: "Public key.", isWide: true },
    {
      name: "Version",
      type: "string",
      jsonPath: ".status.versions.clusterOs",
      description: "Version of Cluster-OS.",
      isWide: true,
    },
    {
      name: "Kernel",
      type: "string",
      jsonPath: ".status.versions.kernel",
      description: "Kernel release.",
      isWide: true,
    },
  ],
} as const satisfies ResourceDefinition;

export type ClusterNodeSpec = z.infer<typeof Spec>;
export type ClusterNodeStatus = z.infer<typeof Status>;

/** A ClusterNode as the API has it. */
export interface ClusterNodeObject {
  readonly apiVersion: string;
  readonly kind: "ClusterNode";
  readonly metadata: ResourceMetadata;
  readonly spec?: ClusterNodeSpec;
  readonly status?: ClusterNodeStatus;
}

export const CLUSTER_NODE_API_VERSION: string = apiVersionOf(ClusterNode);

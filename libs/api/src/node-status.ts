import { z } from "zod";
import { ControlPlaneStatus } from "./cli-output.ts";

/** Where a machine is on its way: the stages of its life under these very names. */
export const Lifecycle = z.enum(["init", "join", "converge", "serve", "reconfigure"]);
export type Lifecycle = z.infer<typeof Lifecycle>;

/** How far Kubernetes is on a machine. */
export const KubernetesState = z.enum(["waiting", "initialising", "joining", "starting", "ready"]);
export type KubernetesState = z.infer<typeof KubernetesState>;

const MeshPeerStatus = z.object({
  name: z.string().describe("The peer's node name."),
  address: z.string().describe("Its mesh address."),
  isAlive: z.boolean().describe("Whether it is a living member: a dead one is not expected to answer."),
  endpoint: z.string().optional().describe("Where its packets come from at present."),
  lastHandshakeMs: z
    .int()
    .min(0)
    .optional()
    .describe("Last WireGuard handshake, Unix milliseconds; absent if never."),
  rxBytes: z.int().min(0).describe("Bytes received from it."),
  txBytes: z.int().min(0).describe("Bytes sent to it."),
});

/** What carries a machine's WireGuard interface: its kernel, or the program that the package brings. */
export const MeshImplementation = z.enum(["kernel", "userspace"]);
export type MeshImplementation = z.infer<typeof MeshImplementation>;

export const MeshStatus = z.object({
  interface: z.string().describe("Name of the WireGuard interface."),
  network: z
    .string()
    .optional()
    .describe("The network of all members' mesh addresses, as a CIDR; absent of an older bootstrap."),
  implementation: MeshImplementation.describe(
    "What carries it: the `kernel`, or a program (`userspace`) where the kernel has no WireGuard.",
  ),
  peers: z.array(MeshPeerStatus).describe("One entry per peer."),
});
export type MeshStatus = z.infer<typeof MeshStatus>;

/** Something a person should know of this machine. */
export const Problem = z.object({
  kind: z.string().describe("One word for programs."),
  message: z.string().describe("What is wrong, and the way out."),
});
export type Problem = z.infer<typeof Problem>;

export const Discovery = z.object({
  stage: z
    .enum(["searching", "founding", "applying", "pending"])
    .optional()
    .describe("What it does to become a member; absent once it is one."),
  interfaces: z.array(z.string()).describe("Network interfaces on which it looks for others."),
  candidates: z
    .int()
    .min(0)
    .describe("Machines without a cluster and with the same join key that it hears, itself included."),
  expect: z.int().min(1).optional().describe("How many it waits for, by the given file."),
  beaconsSent: z.int().min(0).describe("Beacons it sent since bootstrap started."),
  beaconsHeard: z.int().min(0).describe("Genuine beacons of other machines that it heard."),
  silentForMs: z
    .int()
    .min(0)
    .optional()
    .describe("Time since it last heard another machine's beacon; absent if it never did."),
  unheardBy: z.int().min(0).describe("Machines that it hears, and that say they hear nobody."),
});
export type Discovery = z.infer<typeof Discovery>;

/** `GET /v1/status`: this machine, as its bootstrap sees it. */
export const NodeStatus = z.object({
  name: z.string().describe("Short name that follows from the key."),
  nodeId: z.string().describe("This machine's public key: its identity."),
  label: z.string().optional().describe("The site's own name for it, from the given file."),
  version: z.string().describe("Version of Cluster-OS."),
  lifecycle: Lifecycle.describe("Where it is on its way."),
  clusterId: z.string().optional().describe("The cluster it belongs to; absent before."),
  index: z.int().min(1).optional().describe("Its number in the cluster; absent before admission."),
  role: z
    .enum(["server", "worker"])
    .optional()
    .describe("Whether it runs the control plane; absent while undecided."),
  roles: z.array(z.string()).describe("Everything it does, as other members and the ClusterNode show it."),
  address: z.string().optional().describe("Its address in the mesh; absent before admission."),
  underlayAddresses: z.array(z.string()).describe("Its addresses in the local network."),
  discovery: Discovery.describe("How it looks for other machines, and what it hears."),
  epoch: z.int().min(0).describe("The epoch under which Kubernetes is or was being made."),
  kubernetes: z
    .object({
      state: KubernetesState.describe(
        "`waiting` for its turn, `initialising` or `joining` a cluster, `starting` its daemons, or `ready`.",
      ),
      epoch: z.int().min(0).describe("The epoch the state belongs to."),
    })
    .describe("How far Kubernetes is on this machine."),
  members: z
    .object({
      alive: z.int().min(0).describe("They answer."),
      suspect: z.int().min(0).describe("They did not answer, and have a moment to say that they are there."),
      failed: z.int().min(0).describe("They do not answer."),
      left: z.int().min(0).describe("They said goodbye."),
    })
    .describe("How many members this machine sees in which state; itself included."),
  controlPlane: ControlPlaneStatus.describe("Who serves, as known here."),
  mesh: MeshStatus.optional().describe("The mesh interface; absent before it is up."),
  clockOffsets: z
    .array(
      z.object({
        name: z.string().describe("A living server's node name."),
        offsetMs: z.int().describe("How far this clock is ahead of that server's, in milliseconds."),
      }),
    )
    .describe("This machine's clock beside those of the servers that answered when it last asked."),
  problems: z.array(Problem).describe("What a person should know; empty when all is well."),
  leaving: z
    .string()
    .optional()
    .describe("What this machine waits for before it leaves the cluster; absent unless it is about to."),
  patience: z
    .number()
    .min(1)
    .optional()
    .describe("How many times slower than usual the machine is, by its given file; absent of usual ones."),
  steps: z
    .array(
      z.object({
        name: z.string().describe("What was reached, for example `kubernetes ready`."),
        atMs: z.int().min(0).describe("When, in milliseconds since bootstrap started."),
      }),
    )
    .describe("Steps of the way into the cluster, in the order they were reached."),
  counters: z
    .record(z.string(), z.number())
    .describe("Counts since bootstrap started: messages acted on, and refused by reason."),
});
export type NodeStatus = z.infer<typeof NodeStatus>;

import { z } from "zod";

/** How a member is seen by the others. */
export const MemberHealth = z.enum(["healthy", "suspect", "failed", "left"]);
export type MemberHealth = z.infer<typeof MemberHealth>;

/** How a node is listed: `removed` is one that was revoked, and never comes back. */
export const MemberListStatus = z.enum([...MemberHealth.options, "removed"]);
export type MemberListStatus = z.infer<typeof MemberListStatus>;

/** One member, as `cluster-os members -o json` prints it. */
export const MemberListEntry = z.object({
  name: z.string().describe("Short name that follows from the node's key; also its host name."),
  node_id: z.string().describe("`ed25519:` and the 64 hexadecimal digits of its public key."),
  roles: z.array(z.string()).describe("What it does, `server` (runs the control plane) or `worker`."),
  capabilities: z
    .object({
      cpu: z
        .int()
        .min(0)
        .describe("Logical processors; 0 where that is not known, as of a node that was removed."),
      ram: z.string().describe("Memory, for example `64GB`."),
      gpu: z.boolean().describe("Whether it has a graphics processor that computes."),
    })
    .describe("What the machine has."),
  status: MemberListStatus.describe(
    "`healthy`, `suspect` (did not answer; may still), `failed`, `left` (on purpose) or `removed` (revoked, for ever).",
  ),
});
export type MemberListEntry = z.infer<typeof MemberListEntry>;

/** `cluster-os members -o json`: every admitted member, lowest index first, then who was revoked, in that order. */
export const MemberList = z.array(MemberListEntry);
export type MemberList = z.infer<typeof MemberList>;

/** Memory as the member list writes it: whole gigabytes (2^30 bytes), or a tenth of one below 1. */
export function ramText(bytes: number): string {
  const gigabytes = bytes / 2 ** 30;
  return gigabytes >= 1 ? `${Math.round(gigabytes)}GB` : `${Math.round(gigabytes * 10) / 10}GB`;
}

/** A member of the control plane's quorum. */
export const ControlPlaneMember = z.object({
  index: z.int().min(1).describe("The node's index."),
  name: z.string().describe("The node's name."),
  healthy: z.boolean().describe("Whether it is alive and says that its API server answers."),
});
export type ControlPlaneMember = z.infer<typeof ControlPlaneMember>;

/** What autopilot sees and wants, as a ready server tells it. */
export const AutopilotStatus = z.object({
  epoch: z.int().min(0).describe("Counts the decisions about who serves; 0 is what was founded."),
  servers: z.array(z.string()).describe("Names of the nodes that are to run the control plane."),
  wanted: z.int().min(0).describe("How many voters a cluster of this size wants."),
  action: z
    .string()
    .describe("What is to be done next, for example `replace n-b by n-d`; `nothing` while nothing is."),
  reason: z.string().describe("Why that, or why nothing."),
  waitMs: z
    .int()
    .min(0)
    .optional()
    .describe("For how much longer it waits, where it waits for time to pass."),
  pause: z.string().optional().describe("Why a person stopped it; absent while it acts by itself."),
  isLeader: z.boolean().describe("Whether the answering server carries it out."),
  held: z
    .string()
    .optional()
    .describe("Name of a server that is to serve no more, and has to, since nobody could take its place."),
});
export type AutopilotStatus = z.infer<typeof AutopilotStatus>;

export const ControlPlaneStatus = z.object({
  voters: z.array(ControlPlaneMember).describe("Members whose agreement every change needs a majority of."),
  learners: z.array(ControlPlaneMember).describe("Members on their way to become voters."),
  leader: z.string().optional().describe("Name of the voter that leads; absent while none is known."),
  autopilot: AutopilotStatus.optional().describe("Who is to serve; only a ready server knows."),
});
export type ControlPlaneStatus = z.infer<typeof ControlPlaneStatus>;

export const ClusterStatusNode = z.object({
  index: z.int().min(1).describe("The node's number, for ever; its addresses follow from it."),
  name: z.string().describe("The node's name."),
  nodeId: z.string().describe("The node's public key."),
  address: z.string().describe("Its address in the mesh."),
  roles: z.array(z.string()).describe("What it does."),
  status: MemberHealth.describe("How the answering machine sees it."),
});
export type ClusterStatusNode = z.infer<typeof ClusterStatusNode>;

/** `cluster-os status -o json`: the cluster as the answering machine sees it. */
export const ClusterStatus = z.object({
  clusterId: z
    .string()
    .optional()
    .describe("Hash of the genesis record; absent while there is no cluster yet."),
  nodes: z.array(ClusterStatusNode).describe("Every admitted node, lowest index first."),
  controlPlane: ControlPlaneStatus.describe("Who serves the Kubernetes API."),
});
export type ClusterStatus = z.infer<typeof ClusterStatus>;

/** One thing that `cluster-os doctor` found. */
export const DoctorFinding = z.object({
  kind: z.string().describe("One word for programs; each is explained in the guide to troubleshooting."),
  severity: z
    .enum(["error", "warning"])
    .describe("`error`: it does not work. `warning`: it will not, or not as well."),
  what: z.string().describe("What is so on this machine."),
  why: z.string().describe("What it means."),
  remedy: z.string().describe("What to do."),
});
export type DoctorFinding = z.infer<typeof DoctorFinding>;

export const DoctorReportEntry = z.object({
  machine: z.string().describe("The machine: `this machine` on a node, `m1` in a lab."),
  node: z.string().optional().describe("Its node name; absent while its bootstrap does not answer."),
  findings: z
    .array(DoctorFinding)
    .describe("Errors first; among them, causes before effects. Empty when all is well."),
  unread: z.array(z.string()).describe("What could not be looked at."),
});

/** `cluster-os doctor -o json`: one entry per machine. */
export const DoctorReport = z.array(DoctorReportEntry);
export type DoctorReport = z.infer<typeof DoctorReport>;

import { z } from "zod";

// What is asked of the local API, and what it answers; ./local-api.ts says where and by whom.

/** `POST /v1/agent-certificate`: node-agent asks for its client certificate. */
export const AgentCertificateRequest = z.object({
  csrPem: z
    .string()
    .max(4096)
    .describe("PKCS#10 request in PEM, for user `cluster-os:node:<name>`, group `cluster-os:node-agents`."),
});
export type AgentCertificateRequest = z.infer<typeof AgentCertificateRequest>;

export const AgentCertificateAnswer = z.object({
  certificatePem: z.string().describe("The client certificate in PEM."),
  caPem: z.string().describe("The authority that signed the API servers' certificates, in PEM."),
  server: z
    .string()
    .describe("URL of the Kubernetes API, for example `https://kubernetes.cluster-os.internal:7443`."),
  nodeName: z.string().describe("Name of this machine's ClusterNode."),
  expiresAt: z.int().min(0).describe("When the certificate ends, Unix milliseconds."),
});
export type AgentCertificateAnswer = z.infer<typeof AgentCertificateAnswer>;

/** `POST /v1/recover`. */
export const RecoverRequest = z.object({
  confirmed: z
    .boolean()
    .optional()
    .describe("Whether to do it: without this the answer only says what would be done."),
  source: z.string().optional().describe("`own`, or a snapshot's name; absent: `own`."),
});
export type RecoverRequest = z.infer<typeof RecoverRequest>;

/** `POST /v1/recover`: how things stand, and what is done about it. */
export const RecoverAnswer = z.object({
  state: z.string().describe("What is the matter, in a sentence."),
  lost: z.array(z.string()).describe("Names of the voters that do not answer."),
  refusal: z.string().optional().describe("Why nothing can be recovered; absent where it can."),
  source: z.string().optional().describe("What etcd is made anew from: `own` data, or a snapshot's name."),
  takenAtMs: z.int().optional().describe("When the snapshot was taken, Unix milliseconds."),
  holders: z
    .array(z.string())
    .optional()
    .describe("Names of the machines that keep the snapshot, where this one does not."),
  isDone: z.boolean().describe("Whether it was done."),
});
export type RecoverAnswer = z.infer<typeof RecoverAnswer>;

/** `POST /v1/kubernetes-upgrade`. */
export const UpgradeRequest = z.object({
  package: z
    .string()
    .max(4096)
    .startsWith("/")
    .describe("Path on this machine of the package `cluster-os-kubernetes` that brings the wanted version."),
  confirmed: z
    .boolean()
    .optional()
    .describe("Whether to do it: without this the answer only says what would be done."),
});
export type UpgradeRequest = z.infer<typeof UpgradeRequest>;

/** `GET` and `POST /v1/kubernetes-upgrade`: what runs, and what is to run. */
export const UpgradeReport = z.object({
  wanted: z
    .string()
    .optional()
    .describe("The version that is to run everywhere; absent if none was asked for."),
  machine: z.string().optional().describe("Name of the machine whose turn it is."),
  state: z
    .enum(["none", "planned", "upgrading", "waiting", "stopped", "done"])
    .describe("`stopped` once a machine failed: ask again for the same when its trouble is over."),
  what: z.string().describe("What is being done, or waited for, or why it stopped."),
  nodes: z
    .array(
      z.object({
        name: z.string().describe("Node name."),
        role: z.enum(["server", "worker"]).describe("Whether it runs the control plane."),
        version: z.string().describe("What its kubelet says that it runs."),
        isReady: z.boolean().describe("Whether Kubernetes says that it is well."),
        isAway: z.boolean().describe("Whether it is away: then it has its turn when it is back."),
      }),
    )
    .describe("The machines in the order of their turns."),
});
export type UpgradeReport = z.infer<typeof UpgradeReport>;

/** `POST /v1/leave`. */
export const LeaveRequest = z.object({
  anyway: z
    .boolean()
    .optional()
    .describe("Whether a control-plane server goes although no other machine could take its place."),
});
export type LeaveRequest = z.infer<typeof LeaveRequest>;

/** `POST /v1/leave`: what left. */
export const LeaveAnswer = z.object({
  name: z.string().describe("Name of the node that left."),
  clusterId: z
    .string()
    .describe("The cluster it left. It keeps its place there: its index and its admission."),
});
export type LeaveAnswer = z.infer<typeof LeaveAnswer>;

/** `POST /v1/revoke`: on a server, a person takes a node out for ever. */
export const RevokeRequest = z.object({
  node: z
    .string()
    .max(80)
    .describe("The node's name, or its public key (`ed25519:` and 64 hexadecimal digits)."),
});
export type RevokeRequest = z.infer<typeof RevokeRequest>;

export const RevokeAnswer = z.object({
  name: z.string().describe("Name of the node that is revoked."),
  nodeId: z.string().describe("Its public key, which is never admitted again."),
  revokedAt: z.iso.datetime().describe("Since when; an earlier time if it was revoked before."),
  wasServer: z.boolean().describe("Whether it held the cluster's own keys, so that they must be replaced."),
  retiredJoinKeys: z
    .array(z.string())
    .describe("IDs of the join keys that it knew: whoever comes with one of them waits for approval."),
});
export type RevokeAnswer = z.infer<typeof RevokeAnswer>;

/** A machine that waits for a person. */
export const PendingNodeEntry = z.object({
  name: z.string().describe("Its node name."),
  nodeId: z.string().describe("Its public key: what is approved."),
  appliedAt: z.iso.datetime().describe("When it last asked, within ten minutes."),
  isApproved: z.boolean().describe("Whether it was approved, and is about to be let in."),
});
export type PendingNodeEntry = z.infer<typeof PendingNodeEntry>;

/** `GET /v1/pending`. */
export const PendingNodeList = z.array(PendingNodeEntry);

/** `POST /v1/approve`: on a server, a person lets a machine in that waits, or is yet to come. */
export const ApproveRequest = z.object({
  node: z.string().max(80).describe("The machine's node name, or its public key."),
});
export type ApproveRequest = z.infer<typeof ApproveRequest>;

/** `GET /v1/join-keys`: the join keys this machine knows, newest first. */
export const JoinKeyList = z.array(
  z.object({
    id: z.string().describe("16 hexadecimal digits that name the key and say nothing about it."),
    joinKey: z.string().describe("The key itself, as `joinKey` of the given file has it: a secret."),
    isRetired: z.boolean().describe("Whether its holders wait for approval instead of being let in."),
    isGiven: z.boolean().describe("Whether it is the one of this machine's own given file."),
  }),
);
export type JoinKeyList = z.infer<typeof JoinKeyList>;

/** `GET /v1/audit`: the audit log, for `cluster-os audit`, which examines it itself. */
export const AuditAnswer = z.object({
  genesis: z.base64().describe("The genesis record, as it is signed."),
  entries: z
    .array(z.base64().nullable())
    .describe("The signed entries, from the first; null for one that is missing."),
  head: z.base64().optional().describe("The newest entry that this machine heard of from the other members."),
});
export type AuditAnswer = z.infer<typeof AuditAnswer>;

import { z } from "zod";
import { ClusterStatus, ControlPlaneStatus, MemberList } from "./cli-output.ts";

/** The socket on which bootstrap answers; only root may open it. */
export const LOCAL_API_SOCKET = "/run/cluster-os/bootstrap.sock";

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

export const MeshStatus = z.object({
  interface: z.string().describe("Name of the WireGuard interface."),
  peers: z.array(MeshPeerStatus).describe("One entry per peer."),
});
export type MeshStatus = z.infer<typeof MeshStatus>;

/** Something a person should know of this machine. */
export const Problem = z.object({
  kind: z.string().describe("One word for programs."),
  message: z.string().describe("What is wrong, and the way out."),
});
export type Problem = z.infer<typeof Problem>;

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
  problems: z.array(Problem).describe("What a person should know; empty when all is well."),
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
    .describe("Counts since bootstrap started, for example of datagrams."),
});
export type NodeStatus = z.infer<typeof NodeStatus>;

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

/** The body of every answer that is not 200. 503 means "not yet, ask again"; 4xx is final. */
export const LocalApiProblem = z.object({
  error: z.string().describe("What was refused, why, and the way out."),
});
export type LocalApiProblem = z.infer<typeof LocalApiProblem>;

/** The local API as a table: server, client and reference page are made from it. */
export const LOCAL_API = {
  status: { method: "GET", path: "/v1/status", description: "This machine.", answer: NodeStatus },
  cluster: {
    method: "GET",
    path: "/v1/cluster",
    description: "The cluster as this machine sees it: what `cluster-os status -o json` prints.",
    answer: ClusterStatus,
  },
  members: {
    method: "GET",
    path: "/v1/members",
    description: "Every admitted member: what `cluster-os members -o json` prints.",
    answer: MemberList,
  },
  agentCertificate: {
    method: "POST",
    path: "/v1/agent-certificate",
    description:
      "A client certificate for this machine's node-agent, signed by the cluster at a server's request.",
    request: AgentCertificateRequest,
    answer: AgentCertificateAnswer,
  },
} as const;

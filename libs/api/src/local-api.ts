import { z } from "zod";
import { ClusterStatus, ControlPlaneStatus, MemberList } from "./cli-output.ts";
import { FirewallReport } from "./firewall.ts";
import { RingKeyReport } from "./ring-keys.ts";

/** The socket on which bootstrap answers questions; root and the group {@link LOCAL_API_GROUP} may open it. */
export const LOCAL_API_SOCKET = "/run/cluster-os/bootstrap.sock";

/** The same with what only root may ask for; nobody else may open it. */
export const LOCAL_API_ROOT_SOCKET = "/run/cluster-os/root.sock";

/** The system group that the package creates, for people who may look but not act. */
export const LOCAL_API_GROUP = "cluster-os";

/** The first part of every path. It changes when an answer of the same path would no longer fit its schema. */
export const LOCAL_API_VERSION = "v1";

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

/** The body of every answer that is not 200. 503 means "not yet, ask again"; 4xx is final. */
export const LocalApiProblem = z.object({
  error: z.string().describe("What was refused, why, and the way out."),
  endpoints: z.array(z.string()).optional().describe("What there is, where something else was asked for."),
});
export type LocalApiProblem = z.infer<typeof LocalApiProblem>;

/** Who may ask: `group` is root and the members of {@link LOCAL_API_GROUP}. */
export type LocalApiAccess = "group" | "root";

export interface LocalApiEndpoint {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly access: LocalApiAccess;
  readonly description: string;
  readonly request?: z.ZodType;
  readonly answer: z.ZodType;
}

/** The local API as a table: server, client and reference page are made from it. */
export const LOCAL_API = {
  status: {
    method: "GET",
    path: "/v1/status",
    access: "group",
    description: "This machine.",
    answer: NodeStatus,
  },
  cluster: {
    method: "GET",
    path: "/v1/cluster",
    access: "group",
    description: "The cluster as this machine sees it: what `cluster-os status -o json` prints.",
    answer: ClusterStatus,
  },
  members: {
    method: "GET",
    path: "/v1/members",
    access: "group",
    description: "Every admitted member: what `cluster-os members -o json` prints.",
    answer: MemberList,
  },
  firewall: {
    method: "GET",
    path: "/v1/firewall",
    access: "group",
    description:
      "What comes into this machine from the local network, and what the given file would change: what `cluster-os firewall -o json` prints.",
    answer: FirewallReport,
  },
  ringKeys: {
    method: "GET",
    path: "/v1/ring-keys",
    access: "group",
    description:
      "The ring key that seals gossip, and which members hold the newest: what `cluster-os key status -o json` prints.",
    answer: RingKeyReport,
  },
  rotateRingKey: {
    method: "POST",
    path: "/v1/rotate-ring-key",
    access: "root",
    description:
      "On a server: makes a new ring key and hands it to every admitted member. While one is being handed out, no other is made. Refused with 409 elsewhere.",
    answer: RingKeyReport,
  },
  agentCertificate: {
    method: "POST",
    path: "/v1/agent-certificate",
    access: "root",
    description:
      "A client certificate for this machine's node-agent, signed by the cluster at a server's request.",
    request: AgentCertificateRequest,
    answer: AgentCertificateAnswer,
  },
  leave: {
    method: "POST",
    path: "/v1/leave",
    access: "root",
    description:
      "This machine leaves the cluster: its work ends, the others are told, and it stays out until it is asked to join again. Refused with 409 on a control-plane server.",
    answer: LeaveAnswer,
  },
  revoke: {
    method: "POST",
    path: "/v1/revoke",
    access: "root",
    description:
      "Takes a node out of the cluster for ever. Only on a ready control-plane server; elsewhere it is refused with 409, naming the servers.",
    request: RevokeRequest,
    answer: RevokeAnswer,
  },
  pending: {
    method: "GET",
    path: "/v1/pending",
    access: "group",
    description: "Machines that wait for a person. Only on a ready control-plane server, as with `revoke`.",
    answer: PendingNodeList,
  },
  approve: {
    method: "POST",
    path: "/v1/approve",
    access: "root",
    description:
      "Lets a machine in that waits, or is yet to come. Only on a ready control-plane server, as with `revoke`.",
    request: ApproveRequest,
    answer: PendingNodeEntry,
  },
  joinKeys: {
    method: "GET",
    path: "/v1/join-keys",
    access: "root",
    description: "The join keys that this machine knows, newest first.",
    answer: JoinKeyList,
  },
  rotateJoinKey: {
    method: "POST",
    path: "/v1/join-key",
    access: "root",
    description:
      "Gives the cluster a new join key and retires all others. Only on a ready control-plane server, as with `revoke`.",
    answer: JoinKeyList,
  },
  audit: {
    method: "GET",
    path: "/v1/audit",
    access: "group",
    description: "The audit log as it is signed. Only on a ready control-plane server, as with `revoke`.",
    answer: AuditAnswer,
  },
} as const satisfies Readonly<Record<string, LocalApiEndpoint>>;

export type LocalApiName = keyof typeof LOCAL_API;

/** A request that is not served: the HTTP status and the body of the answer. */
export interface LocalApiRefusal {
  readonly status: 403 | 404 | 405;
  readonly problem: LocalApiProblem;
}

/** The endpoint that a request on a socket of that access means, or why there is none and what there is instead. */
export function findEndpoint(
  method: string,
  path: string,
  access: LocalApiAccess,
): LocalApiName | LocalApiRefusal {
  const entries = Object.entries(LOCAL_API) as [LocalApiName, LocalApiEndpoint][];
  const endpoints = entries
    .filter(([, endpoint]) => mayAsk(endpoint, access))
    .map(([, endpoint]) => `${endpoint.method} ${endpoint.path}`);
  const refuse = (status: LocalApiRefusal["status"], error: string): LocalApiRefusal => ({
    status,
    problem: { error, endpoints },
  });
  const here = entries.filter(([, endpoint]) => endpoint.path === path);
  const found = here.find(([, endpoint]) => endpoint.method === method);
  if (found) {
    const [name, endpoint] = found;
    if (mayAsk(endpoint, access)) return name;
    return refuse(403, `${method} ${path} is for root, on ${LOCAL_API_ROOT_SOCKET}`);
  }
  const [other] = here;
  if (other) return refuse(405, `${path} is asked for with ${other[1].method}, not with ${method}`);
  const version = /^\/(v[0-9]+)\//.exec(path)?.[1];
  if (version !== undefined && version !== LOCAL_API_VERSION)
    return refuse(404, `this bootstrap speaks ${LOCAL_API_VERSION} of the local API, not ${version}`);
  return refuse(404, `this version of bootstrap has no ${method} ${path}`);
}

function mayAsk(endpoint: LocalApiEndpoint, access: LocalApiAccess): boolean {
  return access === "root" || endpoint.access === "group";
}

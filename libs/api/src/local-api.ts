import { z } from "zod";
import { ClusterStatus, MemberList } from "./cli-output.ts";
import { FirewallReport } from "./firewall.ts";
import {
  AgentCertificateAnswer,
  AgentCertificateRequest,
  ApproveRequest,
  AuditAnswer,
  JoinKeyList,
  LeaveAnswer,
  LeaveRequest,
  PendingNodeEntry,
  PendingNodeList,
  RecoverAnswer,
  RecoverRequest,
  RevokeAnswer,
  RevokeRequest,
  UpgradeReport,
  UpgradeRequest,
} from "./local-acts.ts";
import { NodeStatus } from "./node-status.ts";
import { RingKeyReport } from "./ring-keys.ts";

/** The socket on which bootstrap answers questions; root and the group {@link LOCAL_API_GROUP} may open it. */
export const LOCAL_API_SOCKET = "/run/cluster-os/bootstrap.sock";

/** The same with what only root may ask for; nobody else may open it. */
export const LOCAL_API_ROOT_SOCKET = "/run/cluster-os/root.sock";

/** The system group that the package creates, for people who may look but not act. */
export const LOCAL_API_GROUP = "cluster-os";

/** The first part of every path. It changes when an answer of the same path would no longer fit its schema. */
export const LOCAL_API_VERSION = "v1";

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
      "This machine leaves the cluster: a control-plane server hands its place over first, work ends, the others are told, and it stays out until it is asked to join again. Refused with 409 while nobody could take a server's place, unless `anyway` is true; called off when the request is.",
    request: LeaveRequest,
    answer: LeaveAnswer,
  },
  recover: {
    method: "POST",
    path: "/v1/recover",
    access: "root",
    description:
      "After the loss of etcd's majority for good: etcd begins anew on this control-plane server alone, from its own data or a snapshot, and the others become workers when they return. What this machine never heard of is given up. Nothing is done unless it is confirmed.",
    request: RecoverRequest,
    answer: RecoverAnswer,
  },
  upgrade: {
    method: "GET",
    path: "/v1/kubernetes-upgrade",
    access: "group",
    description:
      "Which Kubernetes each machine runs, and how far an upgrade is: what `cluster-os upgrade status -o json` prints. Only on a ready control-plane server, as with `revoke`.",
    answer: UpgradeReport,
  },
  upgradeKubernetes: {
    method: "POST",
    path: "/v1/kubernetes-upgrade",
    access: "root",
    description:
      "Has every machine upgraded to the Kubernetes that a package brings, one after the other, servers first, as long as all others are well. Only on a ready control-plane server, as with `revoke`. Nothing is done unless it is confirmed.",
    request: UpgradeRequest,
    answer: UpgradeReport,
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

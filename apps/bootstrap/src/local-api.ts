import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  AgentCertificateRequest,
  findEndpoint,
  type AgentCertificateAnswer,
  type ClusterStatus,
  type FirewallReport,
  type LeaveAnswer,
  type LocalApiAccess,
  type LocalApiName,
  type LocalApiProblem,
  type MemberList,
  type NodeStatus,
  ApproveRequest,
  LeaveRequest,
  RecoverRequest,
  RevokeRequest,
  UpgradeRequest,
  type AuditAnswer,
  type JoinKeyList,
  type PendingNodeEntry,
  type RecoverAnswer,
  type RevokeAnswer,
  type RingKeyReport,
  type UpgradeReport,
} from "@cluster-os/api";
import { describeError, type Logger } from "@cluster-os/std";
import { z } from "zod";
import { PeerApiError } from "./peer-api/protocol.ts";

/** What the local API answers with, worked out anew for each request. */
export interface LocalApiAnswers {
  status(): Promise<NodeStatus>;
  cluster(): Promise<ClusterStatus>;
  members(): Promise<MemberList>;
  firewall(): Promise<FirewallReport>;
  agentCertificate(request: AgentCertificateRequest, signal: AbortSignal): Promise<AgentCertificateAnswer>;
  ringKeys(): Promise<RingKeyReport>;
  rotateRingKey(): Promise<RingKeyReport>;
  /** Called off when the signal is. */
  leave(request: LeaveRequest, signal: AbortSignal): Promise<LeaveAnswer>;
  recover(request: RecoverRequest): Promise<RecoverAnswer>;
  upgrade(): Promise<UpgradeReport>;
  upgradeKubernetes(request: UpgradeRequest): Promise<UpgradeReport>;
  revoke(request: RevokeRequest): Promise<RevokeAnswer>;
  pending(): Promise<readonly PendingNodeEntry[]>;
  approve(request: ApproveRequest): Promise<PendingNodeEntry>;
  joinKeys(): Promise<JoinKeyList>;
  rotateJoinKey(): Promise<JoinKeyList>;
  audit(): Promise<AuditAnswer>;
}

export interface LocalApiOptions {
  /** One socket per access; who may open it is who may ask. */
  readonly sockets: Readonly<Record<LocalApiAccess, string>>;
  readonly answers: LocalApiAnswers;
  readonly logger: Logger;
}

/**
 * Modes of the sockets. The group is the folder's, which the package makes set-group-ID: connecting to a socket takes
 * write permission on it (unix(7)), so these modes are the whole access control.
 */
const MODES = { group: 0o660, root: 0o600 } as const satisfies Record<LocalApiAccess, number>;

const BODY_LIMIT_BYTES = 64 * 1024;

/**
 * HTTP over two unix sockets: how `cluster-os` and node-agent talk to this machine's bootstrap. One is for root and the
 * group cluster-os, the other for root alone. Dispose it to stop listening.
 */
export async function serveLocalApi(options: LocalApiOptions): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  const listening = new AsyncDisposableStack();
  for (const access of ["group", "root"] as const) {
    const server = createServer(
      { requestTimeout: 10_000 },
      (request, response) => void answer(options, access, request, response, stopping.signal),
    );
    listening.use(await listen(server, options.sockets[access], MODES[access]));
  }
  return {
    [Symbol.asyncDispose]: () => {
      stopping.abort(new Error("bootstrap stops"));
      return listening.disposeAsync();
    },
  };
}

async function listen(server: Server, socketPath: string, mode: number): Promise<AsyncDisposable> {
  // A socket that a killed predecessor left would refuse the new one its name.
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Until its mode is set, the umask leaves it to root.
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, mode);
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  options: LocalApiOptions,
  access: LocalApiAccess,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const refuse = (status: number, problem: LocalApiProblem): void => send(status, problem);
  try {
    const endpoint = findEndpoint(request.method ?? "", request.url ?? "", access);
    if (typeof endpoint !== "string") return refuse(endpoint.status, endpoint.problem);
    const hangsUp = new AbortController();
    response.on("close", () => hangsUp.abort(new Error("nobody waits for the answer any more")));
    send(200, await ask(options.answers, endpoint, request, AbortSignal.any([signal, hangsUp.signal])));
  } catch (error) {
    if (error instanceof PeerApiError) return refuse(error.status, { error: describeError(error) });
    if (error instanceof z.ZodError)
      return refuse(400, { error: `the request is malformed: ${z.prettifyError(error)}` });
    options.logger.warn("local request failed", { url: request.url, error: describeError(error) });
    refuse(503, { error: describeError(error) });
  }
}

async function ask(
  answers: LocalApiAnswers,
  endpoint: LocalApiName,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  switch (endpoint) {
    case "status":
      return answers.status();
    case "cluster":
      return answers.cluster();
    case "members":
      return answers.members();
    case "firewall":
      return answers.firewall();
    case "ringKeys":
      return answers.ringKeys();
    case "rotateRingKey":
      return answers.rotateRingKey();
    case "agentCertificate":
      return answers.agentCertificate(AgentCertificateRequest.parse(await readJson(request)), signal);
    case "leave":
      return answers.leave(LeaveRequest.parse(await readJson(request)), signal);
    case "recover":
      return answers.recover(RecoverRequest.parse(await readJson(request)));
    case "upgrade":
      return answers.upgrade();
    case "upgradeKubernetes":
      return answers.upgradeKubernetes(UpgradeRequest.parse(await readJson(request)));
    case "revoke":
      return answers.revoke(RevokeRequest.parse(await readJson(request)));
    case "pending":
      return answers.pending();
    case "approve":
      return answers.approve(ApproveRequest.parse(await readJson(request)));
    case "joinKeys":
      return answers.joinKeys();
    case "rotateJoinKey":
      return answers.rotateJoinKey();
    case "audit":
      return answers.audit();
    default:
      return endpoint satisfies never;
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > BODY_LIMIT_BYTES)
      throw new PeerApiError(413, `a request has at most ${BODY_LIMIT_BYTES} bytes`);
    parts.push(part as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (cause) {
    throw new PeerApiError(400, "the request is not JSON", { cause });
  }
}

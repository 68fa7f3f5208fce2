import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import {
  AgentCertificateRequest,
  LOCAL_API,
  type AgentCertificateAnswer,
  type ClusterStatus,
  type MemberList,
  type NodeStatus,
} from "@cluster-os/api";
import { describeError, type Logger } from "@cluster-os/std";
import { z } from "zod";
import { PeerApiError } from "./peer-api/protocol.ts";

/** What the local API answers with, worked out anew for each request. */
export interface LocalApiAnswers {
  status(): Promise<NodeStatus>;
  cluster(): Promise<ClusterStatus>;
  members(): Promise<MemberList>;
  agentCertificate(request: AgentCertificateRequest, signal: AbortSignal): Promise<AgentCertificateAnswer>;
}

export interface LocalApiOptions {
  readonly socketPath: string;
  readonly answers: LocalApiAnswers;
  readonly logger: Logger;
}

/**
 * HTTP over a unix socket that only root can open: how `cluster-os` and node-agent talk to this machine's bootstrap.
 * Dispose it to stop listening.
 */
export async function serveLocalApi(options: LocalApiOptions): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  const server = createServer(
    (request, response) => void answer(options, request, response, stopping.signal),
  );
  // A socket that a killed predecessor left would refuse the new one its name.
  await rm(options.socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.socketPath, resolve);
  });
  await chmod(options.socketPath, 0o600);
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort(new Error("bootstrap stops"));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  options: LocalApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  try {
    send(200, await route(options.answers, request, signal));
  } catch (error) {
    if (error instanceof PeerApiError) return send(error.status, { error: describeError(error) });
    if (error instanceof z.ZodError)
      return send(400, { error: `the request is malformed: ${z.prettifyError(error)}` });
    options.logger.warn("local request failed", { url: request.url, error: describeError(error) });
    send(503, { error: describeError(error) });
  }
}

async function route(
  answers: LocalApiAnswers,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case `${LOCAL_API.status.method} ${LOCAL_API.status.path}`:
      return answers.status();
    case `${LOCAL_API.cluster.method} ${LOCAL_API.cluster.path}`:
      return answers.cluster();
    case `${LOCAL_API.members.method} ${LOCAL_API.members.path}`:
      return answers.members();
    case `${LOCAL_API.agentCertificate.method} ${LOCAL_API.agentCertificate.path}`:
      return answers.agentCertificate(AgentCertificateRequest.parse(await json(request)), signal);
    default:
      throw new PeerApiError(404, `this version of bootstrap has no ${request.method} ${request.url}`);
  }
}

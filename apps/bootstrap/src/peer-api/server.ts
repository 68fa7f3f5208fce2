import { PEER_API_PORT } from "@cluster-os/api";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { nodeIdOf, openRecord, sealTo, type NodeId } from "@cluster-os/identity";
import { describeError, type Logger, type Rng } from "@cluster-os/std";
import { answerPurpose, PeerApiError, PeerRequestRecord, type PeerHandler } from "./protocol.ts";

const BODY_LIMIT_BYTES = 64 * 1024;

export interface PeerApiServerOptions {
  readonly self: NodeId;
  /** The mesh address to listen on: the peer API answers nowhere else. */
  readonly address: string;
  readonly handlers: Readonly<Record<string, PeerHandler>>;
  /** A member's sealing key and mesh address, or undefined if it is not admitted. */
  readonly memberOf: (
    nodeId: NodeId,
  ) => { readonly sealingKey: Uint8Array; readonly meshAddress: string } | undefined;
  /** For Prometheus, to whoever is in the mesh: numbers, and nothing secret. */
  readonly metrics: () => Promise<string>;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Answers other members on the mesh. Dispose it to stop listening. */
export async function servePeerApi(options: PeerApiServerOptions): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    if (request.method === "GET" && request.url === "/metrics") void tellMetrics(options, response);
    else void answer(options, request, response, stopping.signal);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.address, port: PEER_API_PORT }, resolve);
  });
  server.on("error", (error) => options.logger.error("peer API failed", { error: describeError(error) }));
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort(new Error("bootstrap stops"));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function tellMetrics({ metrics }: PeerApiServerOptions, response: ServerResponse): Promise<void> {
  const text = await metrics().catch(() => undefined);
  response
    .writeHead(text === undefined ? 503 : 200, { "content-type": "text/plain; version=0.0.4" })
    .end(text);
}

async function answer(
  options: PeerApiServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  try {
    const sealed = await handle(options, await readBody(request), request.socket.remoteAddress ?? "", signal);
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(sealed);
  } catch (error) {
    const status = error instanceof PeerApiError ? error.status : 503;
    if (!(error instanceof PeerApiError))
      options.logger.warn("peer request failed", { error: describeError(error) });
    response.writeHead(status, { "content-type": "text/plain" }).end(describeError(error));
  }
}

async function handle(
  options: PeerApiServerOptions,
  bytes: Uint8Array,
  remoteAddress: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { payload, signer } = openRecord(PeerRequestRecord, bytes);
  const from = nodeIdOf(signer);
  const member = options.memberOf(from);
  if (!member) throw new PeerApiError(403, `${from} is not admitted`);
  if (payload.to !== options.self) throw new PeerApiError(400, "the request is for another node");
  // The mesh lets a packet in only from the peer that owns its source address: the second proof of who asks.
  if (remoteAddress !== member.meshAddress) {
    throw new PeerApiError(403, `the request came from ${remoteAddress}, not from its signer's mesh address`);
  }
  const handler = options.handlers[payload.topic];
  if (!handler) throw new PeerApiError(404, `there is no topic ${payload.topic}`);
  const body = await handler(from, payload.body, signal);
  return sealTo(member.sealingKey, body, answerPurpose(payload.topic, payload.nonce), options.rng);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > BODY_LIMIT_BYTES)
      throw new PeerApiError(413, `a request has at most ${BODY_LIMIT_BYTES} bytes`);
    parts.push(part as Buffer);
  }
  return new Uint8Array(Buffer.concat(parts));
}

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Connection } from "./connection.ts";

export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its leading slash, without a query. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Becomes JSON as it stands. */
  readonly body?: unknown;
  readonly contentType?: string | undefined;
}

/**
 * HTTP/1.1 over connections that are kept open. One call has one connection, so a watch never holds up the others, and a
 * connection that broke takes one call with it.
 */
export class Transport {
  readonly server: string;
  readonly #connection: Connection;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpsRequest;
  readonly #userAgent: string;

  constructor(connection: Connection, userAgent: string) {
    this.server = connection.server.replace(/\/+$/, "");
    this.#connection = connection;
    this.#userAgent = userAgent;
    const isPlain = new URL(connection.server).protocol === "http:";
    this.#request = isPlain ? httpRequest : httpsRequest;
    const { ca, serverName, credentials } = connection;
    const certificate = credentials !== undefined && "cert" in credentials ? credentials : {};
    const keepAlive = { keepAlive: true, keepAliveMsecs: 15_000 };
    this.#agent = isPlain
      ? new HttpAgent(keepAlive)
      : new HttpsAgent({
          ...keepAlive,
          ...certificate,
          ...(ca !== undefined && { ca }),
          ...(serverName !== undefined && { servername: serverName }),
        });
  }

  /** The answer once its head is there, whatever its status. Rejects with what node:http says when none comes. */
  async open(call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
    const content = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers = await this.#headers(call, content);
    const first = await this.#send(call, content, headers, signal);
    if (!(first instanceof StaleConnection)) return first;
    const second = await this.#send(call, content, headers, signal);
    if (second instanceof StaleConnection) throw second.cause;
    return second;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #headers(call: HttpCall, content: string | undefined): Promise<Record<string, string | number>> {
    const { credentials } = this.#connection;
    return {
      accept: "application/json",
      "user-agent": this.#userAgent,
      ...(content !== undefined && {
        "content-type": call.contentType ?? "application/json",
        "content-length": Buffer.byteLength(content),
      }),
      ...(credentials !== undefined &&
        "token" in credentials && { authorization: `Bearer ${await credentials.token()}` }),
    };
  }

  #send(
    call: HttpCall,
    content: string | undefined,
    headers: Record<string, string | number>,
    signal: AbortSignal,
  ): Promise<IncomingMessage | StaleConnection> {
    const url = `${this.server}${call.path}${queryOf(call.query)}`;
    return new Promise((resolve, reject) => {
      const request = this.#request(url, { method: call.method, headers, signal, agent: this.#agent });
      request.once("response", resolve);
      request.on("error", (cause: NodeJS.ErrnoException) => {
        // The server closed an idle connection just as it was taken: it never saw the call. A POST that it did see
        // would create twice, so that one is left to the caller.
        const isStale = request.reusedSocket && cause.code === "ECONNRESET" && call.method !== "POST";
        if (isStale && !signal.aborted) resolve(new StaleConnection(cause));
        else reject(cause);
      });
      request.end(content);
    });
  }
}

class StaleConnection {
  readonly cause: Error;

  constructor(cause: Error) {
    this.cause = cause;
  }
}

function queryOf(query: HttpCall["query"]): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given.toString()}`;
}

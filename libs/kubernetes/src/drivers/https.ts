import { request } from "node:https";
import { text } from "node:stream/consumers";
import type { HttpsRequest, HttpsResponse } from "./host.ts";

/**
 * One HTTPS exchange on a connection of its own, so that it goes where the balancer points now and not where an older
 * connection still leads.
 */
export function requestHttps(options: HttpsRequest, signal: AbortSignal): Promise<HttpsResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      options.url,
      {
        method: options.method,
        agent: false,
        ca: options.ca,
        ...(options.client && { cert: options.client.certificate, key: options.client.key }),
        headers: {
          accept: "application/json",
          ...(options.body !== undefined && {
            "content-type": options.contentType ?? "application/json",
            "content-length": Buffer.byteLength(options.body),
          }),
        },
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]),
      },
      (incoming) => {
        text(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, body }), reject);
      },
    );
    outgoing.on("error", (cause) => {
      reject(new Error(`${options.method} ${options.url} got no answer: ${cause.message}`, { cause }));
    });
    outgoing.end(options.body);
  });
}

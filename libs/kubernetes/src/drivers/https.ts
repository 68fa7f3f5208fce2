import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { DownloadTarget, HttpsRequest, HttpsResponse } from "./host.ts";

/**
 * One HTTPS exchange on a connection of its own, so that it goes where the balancer points now and not where an older
 * connection still leads.
 */
export async function requestHttps(options: HttpsRequest, signal: AbortSignal): Promise<HttpsResponse> {
  const incoming = await exchange(options, signal);
  return { status: incoming.statusCode ?? 0, body: await text(incoming) };
}

/** An answer that is too long to be held: line by line into a file, which has its name once it is whole. */
export async function downloadHttps(
  options: HttpsRequest,
  target: DownloadTarget,
  signal: AbortSignal,
): Promise<void> {
  await saveLines(await exchange(options, signal), target);
}

/** Throws unless the answer's status is 200. */
export async function saveLines(incoming: IncomingMessage, { path, decode }: DownloadTarget): Promise<void> {
  if (incoming.statusCode !== 200)
    throw new Error(`answered ${incoming.statusCode}: ${(await text(incoming)).slice(0, 300)}`);
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.draft`;
  await rm(draft, { force: true });
  try {
    const lines = createInterface({ input: incoming, crlfDelay: Infinity });
    await pipeline(
      async function* () {
        for await (const line of lines) if (line !== "") yield decode(line);
        // readline ends quietly where its input broke off.
        if (!incoming.complete) throw new Error("the answer broke off");
      },
      createWriteStream(draft, { mode: 0o600, flush: true }),
    );
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

function exchange(options: HttpsRequest, signal: AbortSignal): Promise<IncomingMessage> {
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
      resolve,
    );
    outgoing.on("error", (cause) => {
      reject(new Error(`${options.method} ${options.url} got no answer: ${cause.message}`, { cause }));
    });
    outgoing.end(options.body);
  });
}

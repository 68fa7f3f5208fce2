import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { delay } from "@cluster-os/std/drivers";
import { LabError } from "../lab-error.ts";

export interface LockOptions {
  /** What the lock guards, for the error: "lab lab". */
  readonly what: string;
  /** How long to wait for another holder, in milliseconds. */
  readonly timeoutMs: number;
}

/** Time between two tries, in milliseconds. */
const RETRY_MS = 25;

/**
 * Holds the lock of that name, on this host, until disposed of. It is a socket's name in the abstract namespace
 * (unix(7)): the kernel gives it to one process, takes it back when that ends in whatever way, and there is no file to
 * be left behind.
 */
export async function acquireLock(name: string, options: LockOptions): Promise<AsyncDisposable> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const server = await listen(name);
    if (server !== undefined) return { [Symbol.asyncDispose]: () => close(server) };
    if (performance.now() >= deadline) {
      throw new LabError(`another command is working on ${options.what}`, {
        hint: "wait until it is done, or end it, and try again",
      });
    }
    await delay(RETRY_MS);
  }
}

/** Undefined if another process, or another part of this one, holds the name. */
async function listen(name: string): Promise<Server | undefined> {
  const server = createServer((stranger) => stranger.destroy());
  // A socket's name has 107 characters at most.
  const digest = createHash("sha256").update(name).digest("hex");
  server.listen({ path: `\0cluster-os-lab-${digest}` });
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  server.unref();
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

import { connect } from "node:net";
import { uptime } from "node:os";
import { FencerStatus } from "./status.ts";

/** A fencer did not answer. */
export class FencerError extends Error {
  override readonly name = "FencerError";
}

/**
 * Milliseconds since boot, suspended time included: the clock of deadlines. To hundredths of a second, rounded down, so that
 * a deadline worked out from it is never late.
 */
export function bootTimeMs(): number {
  return Math.floor(uptime() * 1000);
}

const TIMEOUT_MS = 2000;
/** An answer is one short line. */
const ANSWER_MAX_CHARACTERS = 4096;

/** Talks to the fencer behind a socket, one short connection for each request, so that it may restart meanwhile. */
export class FencerClient {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  status(signal?: AbortSignal): Promise<FencerStatus> {
    return this.#ask("status", signal);
  }

  /**
   * Lets the program run in `epoch` until `deadlineMs` of {@link bootTimeMs}, and starts it if it does not run. The time has to be
   * worked out from a look at the clock *before* whatever gave the right to it was asked for: then it does not matter how
   * long the question, or this process, was held up. What is refused says so in the answer.
   */
  extend(epoch: number, deadlineMs: number, signal?: AbortSignal): Promise<FencerStatus> {
    return this.#ask(`extend ${epoch} ${Math.floor(deadlineMs)}`, signal);
  }

  /** Asks the program to end, and never starts it again in this epoch or an older one. */
  stop(epoch: number, signal?: AbortSignal): Promise<FencerStatus> {
    return this.#ask(`stop ${epoch}`, signal);
  }

  async #ask(request: string, signal?: AbortSignal): Promise<FencerStatus> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const line = await exchange(
        this.#path,
        `${request}\n`,
        signal ? AbortSignal.any([signal, timeout]) : timeout,
      );
      return FencerStatus.parse(JSON.parse(line));
    } catch (cause) {
      signal?.throwIfAborted();
      throw new FencerError(`the fencer at ${this.#path} does not answer "${request}"`, { cause });
    }
  }
}

function exchange(path: string, request: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let received = "";
    const settle = (act: () => void): void => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      act();
    };
    const abort = (): void => settle(() => reject(signal.reason as Error));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(request));
    socket.on("error", (error) => settle(() => reject(error)));
    socket.on("close", () => settle(() => reject(new Error("it closed the connection"))));
    socket.on("data", (text: string) => {
      received += text;
      const end = received.indexOf("\n");
      if (end >= 0) settle(() => resolve(received.slice(0, end)));
      else if (received.length > ANSWER_MAX_CHARACTERS)
        settle(() => reject(new Error("its answer does not end")));
    });
  });
}

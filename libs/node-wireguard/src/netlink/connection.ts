import { ERRNO, NetlinkError, NetlinkFormatError } from "./errors.ts";
import { encodeMessage, NLM_F, NLMSG, readMessages, readOutcome, type NetlinkMessage } from "./message.ts";
import type { NetlinkSocket, OpenNetlink } from "./socket.ts";

/** The kernel answers at once; this is for one that never does. */
const TIMEOUT_MS = 5_000;
/** So often a dump is asked for again that was interrupted, or refused because another is under way. */
const ATTEMPTS = 10;
/** So many messages to others are passed over in one exchange; a socket that brings more is broken. */
const STRAYS = 100;

interface Exchange {
  readonly answers: readonly Uint8Array[];
  /** What was told changed meanwhile, so it is no picture of one moment. */
  readonly isInterrupted: boolean;
}

/**
 * Requests to the kernel and their answers, one at a time. It is opened for an act and closed after it, so that answers
 * to a request that was given up cannot be taken for another's.
 */
export class NetlinkConnection implements Disposable {
  readonly #socket: NetlinkSocket;
  #sequence = 0;

  constructor(open: OpenNetlink, protocol: number) {
    try {
      this.#socket = open(protocol);
    } catch (error) {
      socketFailed(error);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  /** One request; the payloads of the answers before the kernel's "done". */
  async ask(type: number, payload: Uint8Array): Promise<readonly Uint8Array[]> {
    return (await this.#exchange(type, NLM_F.ACK, payload)).answers;
  }

  /** Everything there is of a kind: the payloads of all parts, from one moment. */
  async dump(type: number, payload: Uint8Array): Promise<readonly Uint8Array[]> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { answers, isInterrupted } = await this.#exchange(type, NLM_F.DUMP, payload).catch(busy);
      if (!isInterrupted) return answers;
    }
    throw new NetlinkError(ERRNO.EBUSY, `it changed while it was read, ${ATTEMPTS} times`);
  }

  async #exchange(type: number, flags: number, payload: Uint8Array): Promise<Exchange> {
    this.#sequence += 1;
    const request = encodeMessage({ type, flags: NLM_F.REQUEST | flags, sequence: this.#sequence, payload });
    await this.#socket.send(request).catch(socketFailed);
    // It may hold a private key.
    request.fill(0);
    const answers: Uint8Array[] = [];
    let isInterrupted = false;
    for (let strays = 0; strays < STRAYS;) {
      const datagram = await this.#socket.receive(TIMEOUT_MS).catch(socketFailed);
      if (datagram.length === 0) throw new NetlinkFormatError("an empty answer");
      for (const message of readMessages(datagram)) {
        if (message.sequence !== this.#sequence) {
          strays += 1;
          continue;
        }
        isInterrupted ||= (message.flags & NLM_F.DUMP_INTR) !== 0;
        if (isLast(message)) return { answers, isInterrupted };
        if (message.type !== NLMSG.NOOP) answers.push(message.payload);
      }
    }
    throw new NetlinkFormatError("answers to other requests without end");
  }
}

/** Whether a message ends the exchange. Throws the kernel's refusal. */
function isLast(message: NetlinkMessage): boolean {
  if (message.type !== NLMSG.ERROR && message.type !== NLMSG.DONE) return false;
  const refusal = readOutcome(message);
  if (refusal) throw refusal;
  return true;
}

function busy(error: unknown): Exchange {
  if (error instanceof NetlinkError && (error.errno === ERRNO.EBUSY || error.errno === ERRNO.EINTR))
    return { answers: [], isInterrupted: true };
  throw error;
}

function socketFailed(error: unknown): never {
  const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
  if (typeof errno !== "number") throw error;
  const words =
    errno === ERRNO.ETIMEDOUT ? `the kernel did not answer within ${TIMEOUT_MS / 1000} s` : undefined;
  throw new NetlinkError(errno, words, { cause: error });
}

import type { NodeProtocol, NodeProtocolEffect, NodeProtocolInput } from "@cluster-os/formation";
import { describeError, type Clock, type Logger } from "@cluster-os/std";
import type { StateFile } from "./state-file.ts";

/** Effects that are neither disk nor network. */
export type OuterEffect = Exclude<NodeProtocolEffect, { kind: "persist" | "send" | "multicast" }>;

/** What the protocol can do to the outside. */
export interface ProtocolOutlets {
  readonly stateFile: Pick<StateFile, "write">;
  readonly send: (to: string, bytes: Uint8Array) => void;
  readonly multicast: (bytes: Uint8Array) => void;
  /** Called after the effects before it were carried out. */
  readonly notify: (effect: OuterEffect) => void;
}

/** Messages that wait beyond these are lost, as on any network: while the disk is full, nothing is worked off. */
const MOST_WAITING = 1_024;

/**
 * Runs a NodeProtocol on a real machine: one input at a time, its effects in their order, `persist` on disk before
 * anything after it leaves the machine. That order is what the protocol's promises rest on: where the disk is full the
 * machine falls silent, and goes on when there is room.
 */
export class ProtocolDriver implements AsyncDisposable {
  readonly #protocol: NodeProtocol;
  readonly #outlets: ProtocolOutlets;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #queue: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  readonly #stopping = new AbortController();
  #waiting = 0;

  constructor(options: { protocol: NodeProtocol; outlets: ProtocolOutlets; clock: Clock; logger: Logger }) {
    this.#protocol = options.protocol;
    this.#outlets = options.outlets;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Hands an input to the protocol. Resolves once its effects are carried out. */
  feed(input: NodeProtocolInput): Promise<void> {
    if (input.kind === "datagram" && this.#waiting >= MOST_WAITING) return Promise.resolve();
    this.#waiting += 1;
    this.#queue = this.#queue.then(() => this.#step(input)).finally(() => (this.#waiting -= 1));
    return this.#queue;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("bootstrap stops"));
    clearTimeout(this.#timer);
    await this.#queue;
  }

  async #step(input: NodeProtocolInput): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      for (const effect of this.#protocol.step(input, this.#clock.now())) await this.#carryOut(effect);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      // A defect. What it left half done must not be followed by what relies on it: systemd starts afresh from the state
      // that is on disk.
      this.#logger.error("protocol stopped", { input: input.kind, error: describeError(error) });
      this.#stopping.abort(error);
      process.exitCode = 1;
      process.kill(process.pid, "SIGTERM");
      return;
    }
    this.#schedule();
  }

  async #carryOut(effect: NodeProtocolEffect): Promise<void> {
    switch (effect.kind) {
      case "persist":
        return this.#outlets.stateFile.write(effect.state, this.#stopping.signal);
      case "send":
        return this.#outlets.send(effect.to, effect.bytes);
      case "multicast":
        return this.#outlets.multicast(effect.bytes);
      default:
        return this.#outlets.notify(effect);
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    const waitMs = Math.max(0, this.#protocol.wakeAt - this.#clock.now());
    // A timer of Node cannot run longer than 2^31 ms.
    this.#timer = setTimeout(() => void this.feed({ kind: "wake" }), Math.min(waitMs, 2 ** 31 - 1));
  }
}

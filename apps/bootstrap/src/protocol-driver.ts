import type { NodeProtocol, NodeProtocolEffect, NodeProtocolInput } from "@cluster-os/formation";
import { describeError, type Clock, type Logger } from "@cluster-os/std";
import { writeFileAtomic } from "@cluster-os/std/drivers";

/** Effects that are neither disk nor network. */
export type OuterEffect = Exclude<NodeProtocolEffect, { kind: "persist" | "send" | "multicast" }>;

/** What the protocol can do to the outside. */
export interface ProtocolOutlets {
  readonly statePath: string;
  readonly send: (to: string, bytes: Uint8Array) => void;
  readonly multicast: (bytes: Uint8Array) => void;
  /** Called after the effects before it were carried out. */
  readonly notify: (effect: OuterEffect) => void;
}

/**
 * Runs a NodeProtocol on a real machine: one input at a time, its effects in their order, `persist` on disk before
 * anything after it leaves the machine. That order is what the protocol's promises rest on.
 */
export class ProtocolDriver implements AsyncDisposable {
  readonly #protocol: NodeProtocol;
  readonly #outlets: ProtocolOutlets;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #queue: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: { protocol: NodeProtocol; outlets: ProtocolOutlets; clock: Clock; logger: Logger }) {
    this.#protocol = options.protocol;
    this.#outlets = options.outlets;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Hands an input to the protocol. Resolves once its effects are carried out. */
  feed(input: NodeProtocolInput): Promise<void> {
    this.#queue = this.#queue.then(() => this.#step(input));
    return this.#queue;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#queue;
  }

  async #step(input: NodeProtocolInput): Promise<void> {
    if (this.#isStopped) return;
    try {
      for (const effect of this.#protocol.step(input, this.#clock.now())) await this.#carryOut(effect);
    } catch (error) {
      // A state that cannot be written must not be followed by what relies on it: stop, and let systemd start afresh
      // from the state that is on disk.
      this.#logger.error("protocol stopped", { input: input.kind, error: describeError(error) });
      this.#isStopped = true;
      process.exitCode = 1;
      process.kill(process.pid, "SIGTERM");
      return;
    }
    this.#schedule();
  }

  async #carryOut(effect: NodeProtocolEffect): Promise<void> {
    switch (effect.kind) {
      case "persist":
        return writeFileAtomic(this.#outlets.statePath, effect.state, { mode: 0o600 });
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
    if (this.#isStopped) return;
    const waitMs = Math.max(0, this.#protocol.wakeAt - this.#clock.now());
    // A timer of Node cannot run longer than 2^31 ms.
    this.#timer = setTimeout(() => void this.feed({ kind: "wake" }), Math.min(waitMs, 2 ** 31 - 1));
  }
}

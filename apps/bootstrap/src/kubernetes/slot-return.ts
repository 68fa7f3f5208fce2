import type { NodeId } from "@cluster-os/identity";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { SLOT_SECONDS } from "./join-slot.ts";

export interface SlotReturnOptions {
  /** Tells a server that this machine's change of etcd is through. Throws unless that one gave the slot back. */
  readonly tell: (server: NodeId, signal: AbortSignal) => Promise<void>;
  /** Other servers that live. */
  readonly servers: () => readonly NodeId[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The slot for changes of etcd, to be given back: the next machine waits for it, up to {@link SLOT_SECONDS}. At the end of
 * a change etcd elects and API servers stall, so this is said until somebody has heard it, or the slot is free by itself.
 */
export class SlotReturn {
  readonly #options: SlotReturnOptions;
  #owed: { readonly to: NodeId; readonly until: Instant } | undefined;

  constructor(options: SlotReturnOptions) {
    this.#options = options;
  }

  /** Whether nobody has heard it yet. */
  get isOwed(): boolean {
    return this.#owed !== undefined;
  }

  /** This machine's change is through; `to` is who granted it. */
  owe(to: NodeId): void {
    this.#owed = { to, until: this.#options.clock.now() + SLOT_SECONDS * 1000 };
  }

  /** This machine has the slot anew, and needs it. */
  keep(): void {
    this.#owed = undefined;
  }

  /** One try, with who granted it and then with the others. That nobody hears it is no failure here. */
  async giveBack(signal: AbortSignal): Promise<void> {
    const { tell, servers, clock, logger } = this.#options;
    const owed = this.#owed;
    if (!owed) return;
    if (clock.now() > owed.until) {
      this.#owed = undefined;
      return;
    }
    for (const server of new Set([owed.to, ...servers()])) {
      try {
        await tell(server, signal);
        this.#owed = undefined;
        return;
      } catch (error) {
        signal.throwIfAborted();
        logger.debug("the slot for changes of etcd is not given back yet", { reason: describeError(error) });
      }
    }
  }
}

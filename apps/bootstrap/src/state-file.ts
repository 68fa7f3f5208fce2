import { describeError, type BackoffPolicy, type Logger } from "@cluster-os/std";
import { delay, writeFileAtomic } from "@cluster-os/std/drivers";

export interface StateFileOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Replaced by tests, as is the time between two tries. */
  readonly write?: typeof writeFileAtomic;
  readonly again?: BackoffPolicy;
}

const AGAIN: BackoffPolicy = { initialMs: 1_000, maxMs: 10_000, factor: 2 };

/** The file that the protocol's promises rest on. Where it cannot be written - a full disk - it is tried until it can. */
export class StateFile {
  readonly #options: StateFileOptions;
  #problem: string | undefined;

  constructor(options: StateFileOptions) {
    this.#options = options;
  }

  /** Why the newest state is not on disk; undefined while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves once it is on disk; rejects only when `signal` is aborted. */
  async write(state: Uint8Array, signal: AbortSignal): Promise<void> {
    const { path, logger, write = writeFileAtomic, again = AGAIN } = this.#options;
    let waitMs = again.initialMs;
    for (;;) {
      try {
        await write(path, state, { mode: 0o600 });
        break;
      } catch (error) {
        if (this.#problem === undefined)
          logger.error("the state cannot be written; this machine is silent until it can", {
            path,
            error: describeError(error),
          });
        this.#problem = describeError(error);
      }
      await delay(waitMs, signal);
      waitMs = Math.min(again.maxMs, waitMs * again.factor);
    }
    if (this.#problem !== undefined) logger.info("the state is written again", { path });
    this.#problem = undefined;
  }
}

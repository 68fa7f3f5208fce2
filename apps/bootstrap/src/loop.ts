import { backoffMs, describeError, type BackoffPolicy, type Logger, type Rng } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";

export interface LoopOptions {
  /** What the loop keeps in order, for the log: "mesh". */
  readonly name: string;
  /**
   * One round: look, decide, act. It must be safe to run at any time, any number of times. It may return how long the
   * next one has time, in milliseconds, when that is not `everyMs`.
   */
  readonly round: (signal: AbortSignal) => Promise<number | void>;
  /** Time between the end of a round and the next, in milliseconds, when nobody calls {@link Loop.poke}. */
  readonly everyMs: number;
  readonly rng: Rng;
  readonly logger: Logger;
}

const AFTER_FAILURE: BackoffPolicy = { initialMs: 500, maxMs: 10_000, factor: 2 };

/**
 * A level-triggered control loop: rounds never overlap, a failed round is tried again with back-off, and a poke brings
 * the next round forward without being lost, since a round looks at the whole state and not at the event.
 */
export class Loop implements AsyncDisposable {
  readonly #options: LoopOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #poked = false;
  #wake: () => void = () => {};

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** Something changed: run a round soon. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("bootstrap stops"));
    this.#wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { name, round, everyMs, rng, logger } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      this.#poked = false;
      let pauseMs = everyMs;
      try {
        pauseMs = (await round(signal)) ?? everyMs;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        logger.warn("round failed", { loop: name, failures, error: describeError(error) });
      }
      await this.#pause(failures === 0 ? pauseMs : backoffMs(AFTER_FAILURE, failures, rng), failures === 0);
    }
  }

  /** Waits; a poke ends the wait, but not the back-off after a failure. */
  async #pause(ms: number, isPokeable: boolean): Promise<void> {
    if (isPokeable && this.#poked) return;
    const woken = new AbortController();
    this.#wake = () => {
      if (isPokeable || this.#stopping.signal.aborted) woken.abort();
    };
    await delay(ms, woken.signal).catch(() => {});
    this.#wake = () => {};
  }
}

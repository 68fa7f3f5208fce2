import { describeError, invariant, type Clock, type Instant, type Logger, type Rng } from "@cluster-os/std";
import { NO_METRICS, type ReconcileMetrics, type ResultKind } from "../metrics.ts";
import { DONE, TerminalError, type Outcome, type Reconcile } from "../outcome.ts";
import { RateLimiter, type RateLimiterOptions } from "../rate-limiter.ts";
import { WorkQueue } from "../work-queue.ts";

export interface ControllerOptions {
  /** What is kept in order, for the log and the metrics: "clusternode". */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** How many keys are worked on at once. Default 1. */
  readonly concurrency?: number;
  /** After this time a reconcile's signal is aborted, and it counts as failed. Default 60 s. */
  readonly timeoutMs?: number;
  /** A reconcile that goes on for this long after its signal was aborted makes the controller unhealthy. Default 30 s. */
  readonly stuckAfterMs?: number;
  readonly limits?: Omit<RateLimiterOptions, "rng">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics?: ReconcileMetrics;
}

interface Running {
  readonly startedAt: Instant;
  readonly abort: AbortController;
}

/** setTimeout takes no more than this; a longer wait is waited in parts. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a {@link Reconcile} for every enqueued key: some keys at once, never one key twice at once, failed keys again with
 * back-off. Nothing that a reconcile throws, and no way of not answering, ends the controller.
 */
export class Controller implements AsyncDisposable {
  readonly name: string;
  readonly #reconcile: Reconcile;
  readonly #concurrency: number;
  readonly #timeoutMs: number;
  readonly #stuckAfterMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: ReconcileMetrics;
  readonly #queue: WorkQueue;
  readonly #running = new Map<string, Running>();
  #state: "new" | "started" | "draining" | "stopped" = "new";
  #timer: NodeJS.Timeout | undefined;
  #onIdle: () => void = () => {};

  constructor(options: ControllerOptions) {
    const { name, reconcile, clock, rng, logger, metrics = NO_METRICS } = options;
    this.name = name;
    this.#reconcile = reconcile;
    this.#concurrency = options.concurrency ?? 1;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#stuckAfterMs = options.stuckAfterMs ?? 30_000;
    this.#clock = clock;
    this.#logger = logger.child({ controller: name });
    this.#metrics = metrics;
    this.#queue = new WorkQueue({ limiter: new RateLimiter({ ...options.limits, rng }), metrics });
  }

  /** False while a reconcile ignores that it was aborted: its key, and one worker, would stay blocked for ever. */
  get isHealthy(): boolean {
    const latest = this.#clock.now() - this.#timeoutMs - this.#stuckAfterMs;
    return [...this.#running.values()].every(({ startedAt }) => startedAt >= latest);
  }

  /** Keys that are ready and wait for a worker. */
  get depth(): number {
    return this.#queue.depth;
  }

  /** The key is to be looked at, now or after some milliseconds. May be called before {@link start}; ignored after stop. */
  enqueue(key: string, { afterMs = 0 }: { readonly afterMs?: number } = {}): void {
    if (this.#state === "draining" || this.#state === "stopped") return;
    this.#queue.addAfter(key, afterMs, this.#clock.now());
    this.#schedule();
  }

  start(): void {
    invariant(this.#state === "new", "a controller starts once");
    this.#state = "started";
    this.#schedule();
  }

  /**
   * Takes no more keys, and works off those that are ready for up to `graceMs`. Then what still runs is aborted, and given
   * the same time again at most. Delayed keys and retries are dropped: whoever starts next looks at everything anew.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = this.#state === "new" ? "stopped" : "draining";
    this.#schedule();
    if (await this.#idleWithin(graceMs)) return this.#stopped();
    this.#state = "stopped";
    for (const { abort } of this.#running.values()) abort.abort(new Error(`${this.name} stops`));
    if (!(await this.#idleWithin(Math.max(graceMs, 100)))) {
      this.#logger.error("reconciles ignore that they were stopped", { keys: [...this.#running.keys()] });
    }
    this.#stopped();
  }

  /** Stops at once: what runs is aborted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }

  #stopped(): void {
    this.#state = "stopped";
    clearTimeout(this.#timer);
  }

  get #isHandingOut(): boolean {
    return this.#state === "started" || this.#state === "draining";
  }

  get #isIdle(): boolean {
    return this.#running.size === 0 && (!this.#isHandingOut || this.depth === 0);
  }

  /** Hands ready keys to free workers, and sets the alarm for the next delayed one. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const now = this.#clock.now();
    while (this.#isHandingOut && this.#running.size < this.#concurrency) {
      const key = this.#queue.take(now);
      if (key === undefined) break;
      void this.#work(key, now);
    }
    if (this.#isIdle) this.#onIdle();
    // With all workers busy the end of any of them is the next thing to happen.
    const isBusy = this.#running.size >= this.#concurrency;
    if (this.#state !== "started" || isBusy || this.#queue.wakeAt === Infinity) return;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(this.#queue.wakeAt - now)));
    this.#timer = setTimeout(() => this.#schedule(), waitMs);
  }

  async #work(key: string, startedAt: Instant): Promise<void> {
    const abort = new AbortController();
    const alarm = setTimeout(() => {
      abort.abort(new Error(`${this.name} ${key} took longer than ${this.#timeoutMs / 1000} s`));
    }, this.#timeoutMs);
    // A reconcile that goes on after an abort must not keep the process alive as well.
    abort.signal.addEventListener("abort", () => clearTimeout(alarm));
    this.#running.set(key, { startedAt, abort });
    try {
      this.#succeeded(key, await this.#outcome(key, abort.signal));
    } catch (error) {
      // What a reconcile throws after its time is up is mostly a consequence; the cause is the time.
      this.#failed(key, abort.signal.aborted ? abort.signal.reason : error);
    } finally {
      clearTimeout(alarm);
      this.#running.delete(key);
      this.#queue.done(key, this.#clock.now());
      this.#schedule();
    }
  }

  async #outcome(key: string, signal: AbortSignal): Promise<Outcome> {
    // After a tick of its own, so that a caller of enqueue() never runs a reconcile, nor gets what it throws.
    await Promise.resolve();
    const outcome = (await this.#reconcile(key, signal)) ?? DONE;
    signal.throwIfAborted();
    const isOutcome = outcome.kind === "done" || (outcome.kind === "again" && outcome.afterMs >= 0);
    if (!isOutcome) throw new TypeError(`${this.name} ${key} answered neither done nor again after a time`);
    return outcome;
  }

  #succeeded(key: string, outcome: Outcome): void {
    this.#queue.forget(key);
    if (outcome.kind === "done") return this.#metrics.result("success");
    this.#metrics.result("requeue-after");
    if (this.#state === "started") this.#queue.addAfter(key, outcome.afterMs, this.#clock.now());
  }

  #failed(key: string, error: unknown): void {
    const isTerminal = error instanceof TerminalError;
    this.#metrics.result((isTerminal ? "terminal-error" : "error") satisfies ResultKind);
    if (isTerminal) {
      this.#queue.forget(key);
      this.#logger.error("reconcile failed for good", { key, error: describe(error) });
    } else if (this.#state === "started") {
      const retryMs = this.#queue.addRateLimited(key, this.#clock.now());
      const failures = this.#queue.failures(key);
      this.#logger.warn("reconcile failed", { key, failures, retryMs, error: describe(error) });
    } else {
      this.#logger.warn("reconcile failed while stopping", { key, error: describe(error) });
    }
  }

  /** Whether nothing runs and nothing is ready, now or within `ms`. */
  async #idleWithin(ms: number): Promise<boolean> {
    if (this.#isIdle) return true;
    let alarm: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      alarm = setTimeout(resolve, ms);
    });
    clearTimeout(alarm);
    return this.#isIdle;
  }
}

/** {@link describeError} for whatever was thrown: some things cannot even be turned into text. */
function describe(error: unknown): string {
  try {
    return describeError(error);
  } catch {
    return "something that has no text was thrown";
  }
}

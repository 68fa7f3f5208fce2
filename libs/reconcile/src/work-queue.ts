import { invariant, type Instant } from "@cluster-os/std";
import { NO_METRICS, type ReconcileMetrics } from "./metrics.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { Timetable } from "./timetable.ts";

export interface WorkQueueOptions {
  readonly limiter: RateLimiter;
  readonly metrics?: ReconcileMetrics;
}

/**
 * The keys to look at, with the rules of client-go's work queue: a key that is added several times is handed out once; a
 * key is never handed out while it is being worked on, but comes once more if it was added meanwhile. So no change is
 * lost, and two workers never meet. First come, first served.
 *
 * It holds no clock and no timer: whoever drives it gives the time, and comes back at {@link wakeAt}.
 */
export class WorkQueue {
  readonly #limiter: RateLimiter;
  readonly #metrics: ReconcileMetrics;
  /** Keys to be handed out, now or as soon as their work ends; with the instant at which they were added. */
  readonly #dirty = new Map<string, Instant>();
  /** Keys being worked on, with the instant at which they were taken. */
  readonly #processing = new Map<string, Instant>();
  readonly #delayed = new Timetable();
  /** Dirty keys that may be taken, in order; those before `#head` are taken already. */
  #ready: string[] = [];
  #head = 0;

  constructor({ limiter, metrics = NO_METRICS }: WorkQueueOptions) {
    this.#limiter = limiter;
    this.#metrics = metrics;
  }

  /** Keys that may be taken now, not counting those whose delay has ended since the last call. */
  get depth(): number {
    return this.#ready.length - this.#head;
  }

  /** Keys that were taken and are not done. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Keys that wait for a delay to end. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** When the next delay ends; Infinity if no key waits. */
  get wakeAt(): Instant {
    return this.#delayed.nextAt;
  }

  /** How often the key failed in a row. */
  failures(key: string): number {
    return this.#limiter.failures(key);
  }

  /** The key is to be looked at. */
  add(key: string, now: Instant): void {
    if (this.#dirty.has(key)) return;
    this.#dirty.set(key, now);
    this.#metrics.added();
    if (!this.#processing.has(key)) this.#push(key);
  }

  /** The key is to be looked at after `delayMs`. Of several delays of one key the first to end counts. */
  addAfter(key: string, delayMs: number, now: Instant): void {
    invariant(!Number.isNaN(delayMs), "a delay is a number of milliseconds");
    if (delayMs <= 0) this.add(key, now);
    else this.#delayed.put(key, now + delayMs);
  }

  /** The key's work failed: it comes again after its back-off. Returns the delay in milliseconds. */
  addRateLimited(key: string, now: Instant): number {
    const delayMs = this.#limiter.next(key, now);
    this.#metrics.retried();
    this.addAfter(key, delayMs, now);
    return delayMs;
  }

  /** Hands out the next key, or undefined if none is ready. Call {@link done} when its work has ended, however it ended. */
  take(now: Instant): string | undefined {
    for (let due = this.#delayed.takeDue(now); due !== undefined; due = this.#delayed.takeDue(now)) {
      this.add(due, now);
    }
    if (this.depth === 0) return undefined;
    const key = this.#shift();
    this.#metrics.taken(now - (this.#dirty.get(key) ?? now));
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    return key;
  }

  /** The work on a taken key has ended. If the key was added meanwhile, it is ready again. */
  done(key: string, now: Instant): void {
    const takenAt = this.#processing.get(key);
    invariant(takenAt !== undefined, "only a key that was taken can be done");
    this.#processing.delete(key);
    this.#metrics.worked(now - takenAt);
    if (this.#dirty.has(key)) this.#push(key);
  }

  /** The key succeeded, or is gone: its back-off begins anew. */
  forget(key: string): void {
    this.#limiter.forget(key);
  }

  #push(key: string): void {
    this.#ready.push(key);
    this.#metrics.depth(this.depth);
  }

  #shift(): string {
    const key = this.#ready[this.#head] as string;
    this.#head += 1;
    // Dropping the taken ones now and then costs less than moving all the others each time.
    if (this.#head > 64 && this.#head * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    this.#metrics.depth(this.depth);
    return key;
  }
}

import type { Instant } from "@cluster-os/std";
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { blocksOf } from "./manifest.ts";

interface Captured {
  readonly ticket: number;
  readonly entries: readonly Entry[];
}

/** When the directory is read: soon after a change, not all the time, and now and then though nobody noticed any. */
export class Readings {
  readonly #context: Context;
  #ticket = 0;
  /** Of the reading that is under way for the present leader. */
  #awaited: number | undefined;
  #underWay = 0;
  #dueAt: Instant = Infinity;
  lastAt: Instant = -Infinity;
  /** A reading that took long is not followed by the next at once. */
  #restUntil: Instant = -Infinity;

  constructor(context: Context) {
    this.#context = context;
  }

  get isReading(): boolean {
    return this.#awaited !== undefined;
  }

  /** A new leader: what was read for another one is not its. */
  start(now: Instant): void {
    this.#awaited = undefined;
    this.#restUntil = -Infinity;
    this.#dueAt = now + this.#context.config.rescanMs;
  }

  stop(): void {
    this.#awaited = undefined;
    this.#dueAt = Infinity;
  }

  changed(now: Instant): void {
    this.#dueAt = Math.min(this.#dueAt, now + this.#context.config.settleMs);
  }

  /** When to look again, if nothing holds it up. */
  wakeAt(isHeldUp: boolean, notBefore: Instant): Instant {
    if (isHeldUp || this.isReading) return Infinity;
    const soonest = this.lastAt + this.#context.config.captureIntervalMs;
    return Math.max(this.#dueAt, notBefore, soonest, this.#restUntil);
  }

  readIfDue(now: Instant, notBefore: Instant): void {
    if (now < this.wakeAt(false, notBefore)) return;
    this.lastAt = now;
    this.#dueAt = now + this.#context.config.rescanMs;
    this.#ticket += 1;
    this.#awaited = this.#ticket;
    this.#underWay += 1;
    this.#context.shelf.beginReading();
    this.#context.emit({ kind: "capture", ticket: this.#ticket });
  }

  /** A reading is over. Says whether it is the one that the present leader waits for. */
  captured({ ticket, entries }: Captured, now: Instant): boolean {
    const isAwaited = this.#end(ticket, entries);
    if (isAwaited) this.#restUntil = now + (now - this.lastAt) * this.#context.config.restPerReading;
    return isAwaited;
  }

  failed(ticket: number, now: Instant): void {
    if (this.#end(ticket, [])) this.#dueAt = Math.min(this.#dueAt, now + this.#context.config.retryMs);
  }

  #end(ticket: number, entries: readonly Entry[]): boolean {
    if (this.#underWay === 0) return false;
    this.#underWay -= 1;
    this.#context.shelf.endReading(blocksOf({ entries }));
    const isAwaited = ticket === this.#awaited;
    if (isAwaited) this.#awaited = undefined;
    return isAwaited;
  }
}

import { invariant, type Instant } from "@cluster-os/std";
import { EventQueue } from "./event-queue.ts";

/** So many events at one instant are a machine that spins. */
const MOST_AT_ONCE = 1_000_000;

/** Virtual time, and what is to happen in it. */
export class Timeline {
  readonly #queue = new EventQueue();
  #now: Instant = 0;
  #atOnce = 0;

  get now(): Instant {
    return this.#now;
  }

  /** When the next thing is to happen. */
  get nextAt(): Instant {
    return this.#queue.nextAt;
  }

  at(at: Instant, act: () => void): void {
    this.#queue.put(Math.max(at, this.#now), act);
  }

  after(ms: number, act: () => void): void {
    this.#queue.put(this.#now + ms, act);
  }

  /** Does what comes next, at its time. Throws when time stands still. */
  advance(): void {
    const event = this.#queue.take();
    invariant(event, "something is always to come");
    this.#atOnce = event.at > this.#now ? 0 : this.#atOnce + 1;
    if (this.#atOnce > MOST_AT_ONCE) throw new Error("a machine spins");
    this.#now = event.at;
    event.act();
  }
}

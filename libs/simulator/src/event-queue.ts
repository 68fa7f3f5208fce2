import type { Instant } from "@cluster-os/std";

interface Event {
  readonly at: Instant;
  readonly order: number;
  readonly act: () => void;
}

/** What is to happen, in order of time and, at one time, in the order it was put in: the same on every run. */
export class EventQueue {
  // A binary heap: the children of entry n are 2n+1 and 2n+2.
  readonly #heap: Event[] = [];
  #order = 0;

  get nextAt(): Instant {
    return this.#heap[0]?.at ?? Infinity;
  }

  put(at: Instant, act: () => void): void {
    this.#order += 1;
    const event = { at, order: this.#order, act };
    let place = this.#heap.length;
    this.#heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, this.#heap[parent] as Event)) break;
      this.#heap[place] = this.#heap[parent] as Event;
      place = parent;
    }
    this.#heap[place] = event;
  }

  take(): Event | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (!first || !last || this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      if (left >= this.#heap.length) break;
      const hasRight = right < this.#heap.length;
      const child =
        hasRight && isBefore(this.#heap[right] as Event, this.#heap[left] as Event) ? right : left;
      if (!isBefore(this.#heap[child] as Event, last)) break;
      this.#heap[place] = this.#heap[child] as Event;
      place = child;
    }
    this.#heap[place] = last;
    return first;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

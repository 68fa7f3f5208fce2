import type { Instant } from "@cluster-os/std";

interface Entry {
  readonly key: string;
  readonly at: Instant;
  /** Entries of one instant come out in the order in which they went in. */
  readonly order: number;
}

/** Keys and the instant at which each is due, at most one per key: of two, the earlier stays. A binary heap. */
export class Timetable {
  readonly #heap: Entry[] = [];
  /** The entry that counts for each key; others in the heap are remains of later instants. */
  readonly #current = new Map<string, Entry>();
  #order = 0;

  get size(): number {
    return this.#current.size;
  }

  /** When the first key is due; Infinity if there is none. */
  get nextAt(): Instant {
    this.#dropRemains();
    return this.#heap[0]?.at ?? Infinity;
  }

  put(key: string, at: Instant): void {
    const known = this.#current.get(key);
    if (known && known.at <= at) return;
    const entry = { key, at, order: (this.#order += 1) };
    this.#current.set(key, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  /** Takes out a key that is due at `now`, the longest overdue first. */
  takeDue(now: Instant): string | undefined {
    if (this.nextAt > now) return undefined;
    const { key } = this.#pop();
    this.#current.delete(key);
    return key;
  }

  #dropRemains(): void {
    for (let top = this.#heap[0]; top && this.#current.get(top.key) !== top; top = this.#heap[0]) this.#pop();
  }

  #pop(): Entry {
    const top = this.#heap[0] as Entry;
    const last = this.#heap.pop() as Entry;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    return top;
  }

  #rise(start: number): void {
    for (let child = start; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  #sink(start: number): void {
    for (let parent = start; ;) {
      let first = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, first)) first = child;
      }
      if (first === parent) return;
      this.#swap(first, parent);
      parent = first;
    }
  }

  #isBefore(left: number, right: number): boolean {
    const a = this.#heap[left] as Entry;
    const b = this.#heap[right] as Entry;
    return a.at === b.at ? a.order < b.order : a.at < b.at;
  }

  #swap(left: number, right: number): void {
    const entry = this.#heap[left] as Entry;
    this.#heap[left] = this.#heap[right] as Entry;
    this.#heap[right] = entry;
  }
}

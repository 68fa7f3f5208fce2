import type { Instant } from "@cluster-os/std";

/** What is kept, at first twice as much. */
const LENGTH = 60;

/** The last events of a history, in words. */
export class Trace {
  #lines: string[] = [];

  /** `machine` is the number of the machine it happened on; undefined for the world. */
  note(now: Instant, machine: number | undefined, what: string): void {
    if (this.#lines.length >= 2 * LENGTH) this.#lines = this.#lines.slice(-LENGTH);
    const who = machine === undefined ? "    " : String(machine).padStart(4);
    this.#lines.push(`${String(Math.round(now)).padStart(7)} ms ${who}  ${what}`);
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-LENGTH);
  }
}

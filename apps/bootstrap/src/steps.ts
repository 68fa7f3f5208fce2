import type { Clock } from "@cluster-os/std";

/** A step of this machine's way into the cluster, and when it was reached, in milliseconds since bootstrap started. */
export interface Step {
  readonly name: string;
  readonly atMs: number;
}

/** Remembers when each step was first reached: what `status` shows and what the bench reads. */
export class Steps {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #reached = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  reach(name: string): void {
    if (!this.#reached.has(name)) this.#reached.set(name, Math.round(this.#clock.now() - this.#startedAt));
  }

  list(): readonly Step[] {
    return [...this.#reached].map(([name, atMs]) => ({ name, atMs }));
  }
}

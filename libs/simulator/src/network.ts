import type { Rng } from "@cluster-os/std";

export interface Conditions {
  /** Probability that a datagram is lost. */
  readonly loss: number;
  /** Probability that it arrives twice. */
  readonly duplication: number;
  /** Shortest and longest time on the way, in milliseconds; so datagrams overtake each other. */
  readonly delayMs: readonly [number, number];
}

/** Larger datagrams travel over TCP: not lost at random and not doubled, but a cut stops them too. */
const MAX_DATAGRAM_BYTES = 1_200;
/** More machines than any history has: two numbers make one. */
const MOST_MACHINES = 2 ** 16;

/**
 * The wire between numbered machines: what is lost, doubled, late or cut off. Cuts are counted, so that faults that
 * overlap are healed one by one.
 */
export class SimulatedNetwork {
  readonly #rng: Rng;
  conditions: Conditions;
  readonly #cuts = new Map<number, number>();

  constructor(rng: Rng, conditions: Conditions) {
    this.#rng = rng;
    this.conditions = conditions;
  }

  /** Calls `arrive` for each time that a datagram of `bytes` sent now arrives, with the milliseconds until then. */
  carry(from: number, to: number, bytes: number, arrive: (delayMs: number) => void): void {
    if (this.isCut(from, to)) return;
    const { loss, duplication } = this.conditions;
    const isStream = bytes > MAX_DATAGRAM_BYTES;
    if (!isStream && loss > 0 && this.#rng.fraction() < loss) return;
    arrive(this.#delay());
    if (!isStream && duplication > 0 && this.#rng.fraction() < duplication) arrive(this.#delay());
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(from * MOST_MACHINES + to);
  }

  /** Stops what `from` sends to `to`, until it is mended as often. */
  cut(from: number, to: number): void {
    this.#change(from, to, 1);
  }

  mend(from: number, to: number): void {
    this.#change(from, to, -1);
  }

  #change(from: number, to: number, by: number): void {
    const name = from * MOST_MACHINES + to;
    const count = (this.#cuts.get(name) ?? 0) + by;
    if (count > 0) this.#cuts.set(name, count);
    else this.#cuts.delete(name);
  }

  #delay(): number {
    const [shortest, longest] = this.conditions.delayMs;
    return shortest + (longest - shortest) * this.#rng.fraction();
  }
}

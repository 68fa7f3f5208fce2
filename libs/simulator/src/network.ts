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

/**
 * The wire between numbered machines: what is lost, doubled, late or cut off. Cuts are counted, so that faults that
 * overlap are healed one by one.
 */
export class SimulatedNetwork {
  readonly #rng: Rng;
  conditions: Conditions;
  readonly #cuts = new Map<string, number>();

  constructor(rng: Rng, conditions: Conditions) {
    this.#rng = rng;
    this.conditions = conditions;
  }

  /** When a datagram of `bytes` sent now arrives, in milliseconds from now: never, once or twice. */
  arrivals(from: number, to: number, bytes: number): readonly number[] {
    if (this.isCut(from, to)) return [];
    const { loss, duplication } = this.conditions;
    const isStream = bytes > MAX_DATAGRAM_BYTES;
    if (!isStream && this.#rng.fraction() < loss) return [];
    const count = !isStream && this.#rng.fraction() < duplication ? 2 : 1;
    return Array.from({ length: count }, () => this.#delay());
  }

  isCut(from: number, to: number): boolean {
    return (this.#cuts.get(`${from}>${to}`) ?? 0) > 0;
  }

  /** Stops what `from` sends to `to`, until it is mended as often. */
  cut(from: number, to: number): void {
    this.#change(from, to, 1);
  }

  mend(from: number, to: number): void {
    this.#change(from, to, -1);
  }

  #change(from: number, to: number, by: number): void {
    const name = `${from}>${to}`;
    this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + by);
  }

  #delay(): number {
    const [shortest, longest] = this.conditions.delayMs;
    return shortest + (longest - shortest) * this.#rng.fraction();
  }
}

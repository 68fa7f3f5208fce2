/**
 * How well this node itself is (Lifeguard's local health multiplier, section IV-A): it rises when answers do not come and
 * when the node has to refute, and falls with each answer. A node that is unwell waits longer before it blames others.
 */
export class Awareness {
  readonly #limit: number;
  #score = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** 0 is well. */
  get score(): number {
    return this.#score;
  }

  apply(delta: number): void {
    this.#score = Math.max(0, Math.min(this.#limit - 1, this.#score + delta));
  }

  /** An interval or timeout as it is to be used now, in milliseconds. */
  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}

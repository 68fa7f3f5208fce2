/** A step that came so late or later counts as no later: a machine that slept is not slow. Milliseconds. */
const WORST_MS = 250;
/** Of what is known, how much the last step is. */
const WEIGHT = 1 / 4;
/** A round is followed by so many times what it waited for. */
const PAUSES = 4;

/**
 * How late this process gets its time, as a rule. Where many processes want few cores, what is told at once goes in many small messages,
 * and each costs its receiver time that it does not have either: all are late, suspect each other, and have more to tell. Who
 * is late tells less often, and more each time.
 */
export class Lateness {
  #ms = 0;

  /** A step came so long after it was due, in milliseconds. */
  note(lateMs: number): void {
    this.#ms += (Math.min(lateMs, WORST_MS) - this.#ms) * WEIGHT;
  }

  /** How much longer than usual to wait before the next round, in milliseconds; a second at most. */
  get pauseMs(): number {
    return this.#ms * PAUSES;
  }
}

import { coverageOf } from "./acts.ts";
import type { Replayed, ReplayOptions } from "./replay.ts";

/** What came of many histories. */
export class Totals {
  #histories = 0;
  #failed = 0;
  readonly #sums = { moments: 0, acknowledged: 0, refused: 0 };
  readonly #acts: Record<string, number> = {};
  readonly #delays: Record<string, number> = {};

  get hasFailed(): boolean {
    return this.#failed > 0;
  }

  /** Without what came of it, it failed. */
  add(history: ReplayOptions["history"], replayed: Replayed | undefined): void {
    this.#histories += 1;
    if (!replayed) {
      this.#failed += 1;
      return;
    }
    for (const name of ["moments", "acknowledged", "refused"] as const) this.#sums[name] += replayed[name];
    increase(this.#acts, coverageOf(history));
    increase(this.#delays, replayed.delays);
  }

  /** Some lines for people. */
  describe(): string {
    const { moments, acknowledged, refused } = this.#sums;
    const whole = `${this.#histories} histories, ${moments} moments, ${acknowledged} writes acknowledged, ${refused} times none`;
    return [
      `${whole}; ${this.#failed} failed`,
      `what they held: ${list(this.#acts)}`,
      `changes that etcd agreed to only later: ${list(this.#delays)}`,
    ].join("\n");
  }
}

function increase(totals: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(more)) totals[what] = (totals[what] ?? 0) + count;
}

function list(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  return words.length === 0 ? "none" : words.join(", ");
}

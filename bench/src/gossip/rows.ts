import type { Rest } from "./group.ts";

/** What was measured of one contender in groups of one size. */
export interface Score {
  readonly name: string;
  readonly size: number;
  /** Milliseconds, one for each run. */
  readonly agreeMs: readonly number[];
  readonly deathKnownMs: readonly number[];
  readonly rest: Rest;
}

export const TIME_HEADERS = [
  "members (1)",
  "",
  "all agree: median (s)",
  "longest (s)",
  "a death is known to all: median (s)",
  "longest (s)",
];

export const COST_HEADERS = ["members (1)", "", "sent (B/s)", "CPU (% of a core)", "PSS (MiB)", "RSS (MiB)"];

export function timeRows(scores: readonly Score[]): readonly (readonly string[])[] {
  return scores.map(({ name, size, agreeMs, deathKnownMs }) => [
    String(size),
    name,
    ...[agreeMs, deathKnownMs].flatMap((all) =>
      [median(all), Math.max(...all)].map((ms) => (ms / 1_000).toFixed(2)),
    ),
  ]);
}

/** At rest, of each member. */
export function costRows(scores: readonly Score[]): readonly (readonly string[])[] {
  return scores.map(({ name, size, rest: { seconds, before, after, sent } }) => [
    String(size),
    name,
    (sent / size / seconds).toFixed(0),
    // A tick is 10 ms.
    ((after.ticks - before.ticks) / size / seconds).toFixed(2),
    (after.pssKib / 1_024 / size).toFixed(1),
    (after.rssKib / 1_024 / size).toFixed(1),
  ]);
}

function median(all: readonly number[]): number {
  const sorted = [...all].sort((left, right) => left - right);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}

import type { Weather } from "./cells.ts";
import type { FalseDeaths } from "./false-deaths.ts";
import type { Times } from "./times.ts";

/** One row per weather: false deaths and, in brackets, verdicts; last how many times fewer the last manner has than the first. */
export function falseDeathRows(
  weathers: readonly Weather[],
  cells: readonly (readonly FalseDeaths[])[],
): readonly (readonly string[])[] {
  return weathers.map(({ name }, at) => {
    const row = cells[at] ?? [];
    return [
      name,
      ...row.map(({ deaths, verdicts }) => `${deaths} (${verdicts})`),
      fewer(row[0]?.deaths ?? 0, row.at(-1)?.deaths ?? 0),
    ];
  });
}

/** Without a single one only a bound is known. */
function fewer(plain: number, guarded: number): string {
  if (plain === 0) return "none at all";
  return guarded === 0 ? `more than ${plain}` : (plain / guarded).toFixed(1);
}

export function timeRows(
  sizes: readonly number[],
  times: readonly (readonly Times[])[],
): readonly (readonly string[])[] {
  return sizes.map((size, at) => {
    const row = times[at] ?? [];
    const of = (pick: (time: Times) => number): readonly string[] => {
      const sorted = row.map(pick).sort((left, right) => left - right);
      return [sorted[Math.floor(sorted.length / 2)] ?? NaN, sorted.at(-1) ?? NaN].map((ms) =>
        (ms / 1_000).toFixed(1),
      );
    };
    return [String(size), ...of(({ agreeMs }) => agreeMs), ...of(({ deathKnownMs }) => deathKnownMs)];
  });
}

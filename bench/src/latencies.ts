/** The value that a share (0 to 1) of the sorted values does not exceed: the nearest rank. NaN of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** When something began and when its consequence was seen, both in milliseconds of one clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * How many there were, seconds from the first beginning to the last end, how many that makes per second,
 * and how long each took, in milliseconds.
 */
export function latencyCells(spans: readonly Span[]): readonly string[] {
  const took = spans.map(({ from, to }) => to - from).sort((left, right) => left - right);
  const begun = spans.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY);
  const ended = spans.reduce((most, { to }) => Math.max(most, to), Number.NEGATIVE_INFINITY);
  const seconds = (ended - begun) / 1000;
  const longest = took.at(-1) ?? Number.NaN;
  return [
    String(spans.length),
    seconds.toFixed(1),
    (spans.length / seconds).toFixed(0),
    ...[percentile(took, 0.5), percentile(took, 0.99), longest].map((ms) => ms.toFixed(0)),
  ];
}

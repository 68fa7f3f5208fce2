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
 * How many there were, seconds from the first beginning to the last end, ends per second from the first end to the last,
 * and how long each took, in milliseconds.
 */
export function latencyCells(spans: readonly Span[]): readonly string[] {
  const took = spans.map(({ from, to }) => to - from).sort((left, right) => left - right);
  const ends = spans.map(({ to }) => to).sort((left, right) => left - right);
  const first = ends[0] ?? 0;
  const last = ends.at(-1) ?? 0;
  const begun = spans.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY);
  const perSecond = (ends.length - 1) / ((last - first) / 1000);
  const longest = took.at(-1) ?? Number.NaN;
  return [
    String(spans.length),
    ((last - begun) / 1000).toFixed(1),
    perSecond.toFixed(0),
    ...[percentile(took, 0.5), percentile(took, 0.99), longest].map((ms) => ms.toFixed(0)),
  ];
}

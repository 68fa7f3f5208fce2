import type { Carrier } from "./carriers.ts";

/** What went over a connection, as its receiver saw it, and what it cost the machine. */
export interface Transfer {
  readonly carrier: Carrier;
  readonly bytes: number;
  readonly ms: number;
  /** Time of processors that was not idle meanwhile, the ends' programs' included, in milliseconds. */
  readonly busyMs: number;
  /** Of a small packet there and back again, on average of some hundred, with nothing else on the way, in microseconds. */
  readonly roundTripUs: number;
}

/** Megabits per second. */
export function rateOf({ bytes, ms }: Pick<Transfer, "bytes" | "ms">): number {
  return (bytes * 8) / (ms * 1000);
}

/** One row per carrier, in the order in which they were first measured. */
export function carrierRows(transfers: readonly Transfer[]): readonly (readonly string[])[] {
  const groups = Map.groupBy(transfers, ({ carrier }) => carrier);
  const [first] = groups.values();
  const plain = median((first ?? []).map(rateOf));
  return [...groups].map(([{ name }, group]) => {
    const sorted = group.map(rateOf).sort((left, right) => left - right);
    const middle = median(sorted);
    return [
      name,
      middle.toFixed(0),
      `${sorted[0]?.toFixed(0)} - ${sorted.at(-1)?.toFixed(0)}`,
      ((100 * middle) / plain).toFixed(0),
      median(group.map(({ busyMs, bytes }) => busyMs / 1000 / (bytes / 1e9))).toFixed(1),
      median(group.map(({ roundTripUs }) => roundTripUs)).toFixed(0),
    ];
  });
}

/** NaN of nothing. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return ((sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? NaN) + upper) / 2;
}

import type { Carrier } from "./carriers.ts";

/** What went over a connection, as its receiver saw it. */
export interface Transfer {
  readonly carrier: Carrier;
  readonly bytes: number;
  readonly ms: number;
}

/** Megabits per second. */
export function rateOf({ bytes, ms }: Pick<Transfer, "bytes" | "ms">): number {
  return (bytes * 8) / (ms * 1000);
}

const NAMES: Readonly<Record<Carrier, string>> = {
  plain: "plain cable",
  kernel: "WireGuard in the kernel",
  userspace: "wireguard-go",
};

/** One row per carrier, in the order in which they were first measured. */
export function throughputRows(transfers: readonly Transfer[]): readonly (readonly string[])[] {
  const rates = Map.groupBy(transfers, ({ carrier }) => carrier);
  const plain = median((rates.get("plain") ?? []).map(rateOf));
  return [...rates].map(([carrier, group]) => {
    const sorted = group.map(rateOf).sort((left, right) => left - right);
    const middle = median(sorted);
    const share = plain === undefined || middle === undefined ? "" : ((100 * middle) / plain).toFixed(0);
    const range = `${sorted[0]?.toFixed(0)} - ${sorted.at(-1)?.toFixed(0)}`;
    return [NAMES[carrier], middle?.toFixed(0) ?? "", range, share];
  });
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

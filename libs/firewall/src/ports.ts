/** Ports of one transport protocol, both ends included. */
export interface PortRange {
  readonly protocol: "tcp" | "udp";
  readonly first: number;
  readonly last: number;
}

/** How a port to be opened is written: `443/tcp`, `60000-61000/udp`. */
const OPEN_PORT = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?\/(tcp|udp)$/;

/** Reads `443/tcp` or `60000-61000/udp`; undefined of anything else. */
export function parsePortRange(text: string): PortRange | undefined {
  const [, first, last = first, protocol] = OPEN_PORT.exec(text) ?? [];
  if (protocol !== "tcp" && protocol !== "udp") return undefined;
  const range = { protocol, first: Number(first), last: Number(last) } as const;
  return range.first <= range.last && range.last <= 65_535 ? range : undefined;
}

/** The same ports in the fewest ranges, ascending: nftables refuses a set in which two overlap, and joins neighbours. */
export function mergePorts(ranges: readonly Pick<PortRange, "first" | "last">[]) {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((left, right) => left.first - right.first)) {
    const previous = merged.at(-1);
    if (previous && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

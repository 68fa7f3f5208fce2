/** IPv4 networks as numbers: what the address plan is worked out with. */

export interface Network {
  /** First address, as an unsigned 32-bit number. */
  readonly first: number;
  /** Number of fixed leading bits, 0 to 32. */
  readonly prefix: number;
}

/** Parses "10.86.0.0/16". Bits beyond the prefix are dropped, so an interface's own CIDR names its network. */
export function parseNetwork(cidr: string): Network {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const octets = match?.slice(1, 5).map(Number) ?? [];
  const prefix = Number(match?.[5]);
  if (!match || octets.some((octet) => octet > 255) || prefix > 32) {
    throw new RangeError(`${cidr} is not an IPv4 network such as 10.86.0.0/16`);
  }
  const address = octets.reduce((value, octet) => value * 256 + octet, 0);
  return { first: Math.floor(address / size(prefix)) * size(prefix), prefix };
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export function formatNetwork(network: Network): string {
  return `${formatAddress(network.first)}/${network.prefix}`;
}

/** How many addresses a network of this prefix has. */
export function size(prefix: number): number {
  return 2 ** (32 - prefix);
}

export function overlaps(left: Network, right: Network): boolean {
  return left.first < right.first + size(right.prefix) && right.first < left.first + size(left.prefix);
}

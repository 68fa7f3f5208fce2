import { networkInterfaces } from "node:os";

/** One network interface that takes part, and its addresses. */
export interface NetworkInterface {
  readonly name: string;
  /** Without zone or prefix length. */
  readonly addresses: readonly {
    readonly address: string;
    readonly family: "IPv4" | "IPv6";
    readonly cidr: string;
  }[];
}

/** The interfaces that take part, as the machine has them now. One without an address is not among them. */
export function readInterfaces(isWanted: (name: string) => boolean): NetworkInterface[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => isWanted(name))
    .map(([name, addresses]) => ({
      name,
      addresses: (addresses ?? []).map(({ address, family, cidr }) => ({
        address: address.replace(/%.*$/, ""),
        family,
        cidr: cidr ?? "",
      })),
    }));
}

/** The subnet's broadcast address of an IPv4 CIDR, such as 10.0.0.255 for 10.0.0.7/24; undefined for /31 and /32. */
export function broadcastAddress(cidr: string): string | undefined {
  const [address, prefixText] = cidr.split("/") as [string, string | undefined];
  const octets = address.split(".").map(Number);
  const prefix = Number(prefixText);
  if (octets.length !== 4 || !(prefix >= 1 && prefix <= 30)) return undefined;
  const host = 2 ** (32 - prefix);
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const last = Math.floor(value / host) * host + host - 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(last / 2 ** shift) % 256).join(".");
}

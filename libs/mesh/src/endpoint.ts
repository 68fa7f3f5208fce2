const V4 = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/;
const V6 = /^\[([0-9a-fA-F:.]{2,45})(?:%([^\s\]/%]{1,15}))?\]:(\d{1,5})$/;
const V4_IN_V6 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/;

/**
 * An address and UDP port in the spelling that WireGuard reports them in: `10.0.0.7:51820`, `[fe80::7%eth0]:51820` (IPv6 as
 * in RFC 5952). Undefined for anything that cannot be sent to: a name, port 0, a link-local address without the interface
 * it is local to.
 */
export function parseEndpoint(text: string): string | undefined {
  const [, v4, v4Port] = V4.exec(text) ?? [];
  if (v4 !== undefined) return isV4(v4) && isPort(v4Port) ? `${v4}:${Number(v4Port)}` : undefined;
  const [, v6, zone, port] = V6.exec(text) ?? [];
  const address = v6 === undefined ? undefined : canonicalV6(v6);
  if (address === undefined || !isPort(port)) return undefined;
  const [, high, low] = V4_IN_V6.exec(address) ?? [];
  // WireGuard's IPv6 socket is for IPv6 alone.
  if (high !== undefined && low !== undefined) return `${dotted(high)}.${dotted(low)}:${Number(port)}`;
  if (!LINK_LOCAL.test(address)) return `[${address}]:${Number(port)}`;
  return zone === undefined ? undefined : `[${address}%${zone}]:${Number(port)}`;
}

function isV4(text: string): boolean {
  return text.split(".").every((octet) => String(Number(octet)) === octet && Number(octet) <= 255);
}

function isPort(text: string | undefined): boolean {
  return Number(text) >= 1 && Number(text) <= 65_535;
}

/** The URL standard's host parser knows every way to write an IPv6 address, and one to print it. */
function canonicalV6(text: string): string | undefined {
  const url = URL.parse(`http://[${text}]/`);
  return url?.hostname.slice(1, -1);
}

function dotted(group: string): string {
  const value = Number.parseInt(group, 16);
  return `${value >> 8}.${value & 255}`;
}

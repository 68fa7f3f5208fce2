import { parseEndpoint } from "@cluster-os/mesh";
import { formatAddress, parseAddress } from "./address.ts";
import { viewOf } from "./netlink/attributes.ts";
import { NetlinkFormatError } from "./netlink/errors.ts";
import { AF } from "./uapi.ts";

/** Where a peer is: struct sockaddr_in or sockaddr_in6 (linux/in.h, linux/in6.h). */
export interface SocketAddress {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** Index of the interface that a link-local address is of; 0 for other addresses. */
  readonly scopeId: number;
}

/** An endpoint as people write it, in parts: `[fe80::7%eth0]:51820`. */
export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
  /** Name of the interface that a link-local address is of. */
  readonly zone?: string;
}

const IN_BYTES = 16;
const IN6_BYTES = 28;

/** Undefined for anything that cannot be sent to. */
export function readEndpoint(text: string): Endpoint | undefined {
  const canonical = parseEndpoint(text);
  const match = /^(?:\[([^\]%]+)(?:%([^\]]+))?\]|([^[\]]+)):(\d+)$/.exec(canonical ?? "");
  const address = parseAddress(match?.[1] ?? match?.[3] ?? "");
  if (!match || !address) return undefined;
  return { address, port: Number(match[4]), ...(match[2] !== undefined && { zone: match[2] }) };
}

/** `zoneOf` gives an interface's name; without a name the zone is its index, as in RFC 4007 section 11. */
export function formatEndpoint(
  { address, port, scopeId }: SocketAddress,
  zoneOf: (index: number) => string | undefined,
): string {
  if (address.length === 4) return `${formatAddress(address)}:${port}`;
  const zone = scopeId === 0 ? "" : `%${zoneOf(scopeId) ?? scopeId}`;
  return `[${formatAddress(address)}${zone}]:${port}`;
}

export function encodeSocketAddress({ address, port, scopeId }: SocketAddress): Uint8Array {
  const isV4 = address.length === 4;
  const bytes = new Uint8Array(isV4 ? IN_BYTES : IN6_BYTES);
  const view = viewOf(bytes);
  view.setUint16(0, isV4 ? AF.INET : AF.INET6, true);
  // Ports and addresses travel in network byte order.
  view.setUint16(2, port);
  bytes.set(address, isV4 ? 4 : 8);
  if (!isV4) view.setUint32(24, scopeId, true);
  return bytes;
}

export function readSocketAddress(bytes: Uint8Array): SocketAddress {
  const view = viewOf(bytes);
  const family = bytes.length < 2 ? undefined : view.getUint16(0, true);
  if (family === AF.INET && bytes.length === IN_BYTES)
    return { address: new Uint8Array(bytes.subarray(4, 8)), port: view.getUint16(2), scopeId: 0 };
  if (family === AF.INET6 && bytes.length === IN6_BYTES)
    return {
      address: new Uint8Array(bytes.subarray(8, 24)),
      port: view.getUint16(2),
      scopeId: view.getUint32(24, true),
    };
  throw new NetlinkFormatError(`a socket address of ${bytes.length} bytes and family ${family}`);
}

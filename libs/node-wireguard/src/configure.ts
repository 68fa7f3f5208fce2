import type { DeviceChange, PeerChange } from "@cluster-os/mesh";
import { parseAddress } from "./address.ts";
import { attribute, nested, text, u16, u32, u8 } from "./netlink/attributes.ts";
import { encodeSocketAddress, readEndpoint } from "./socket-address.ts";
import { AF, WG_KEY_LEN, WGALLOWEDIP_A, WGDEVICE_A, WGPEER_A, WGPEER_F } from "./uapi.ts";

/** A change that cannot be said to the kernel. */
export class UnsayableError extends Error {
  override readonly name = "UnsayableError";
}

export interface ConfigureOptions {
  /** Index of an interface by its name: of those that {@link zonesOf} names, as far as they are there. */
  readonly indexOf: (zone: string) => number | undefined;
  /** How long the attributes of one message may be, in bytes. Lengths of nested attributes have 16 bits. */
  readonly limit?: number;
}

const LIMIT = 32 * 1024;
/** A peer without allowed addresses, and what stands around it: keys, flags, IPv6 endpoint, keepalive, headers. */
const PEER_BYTES = 128;

/** Names of the interfaces that link-local endpoints are of. */
export function zonesOf(change: DeviceChange): ReadonlySet<string> {
  return new Set(
    change.peers.flatMap((peer) => {
      const zone = peer.kind === "set-peer" ? readEndpoint(peer.endpoint ?? "")?.zone : undefined;
      return zone === undefined ? [] : [zone];
    }),
  );
}

/**
 * The change as attributes of WG_CMD_SET_DEVICE, one entry per message, to be sent in this order. What does not fit into
 * one message goes on in the next; a peer's allowed addresses too, the first part of which replaces those it had.
 *
 * An endpoint on an interface that is not there is left out: nothing could be sent to it, and the peer may call.
 */
export function encodeChange(
  name: string,
  change: DeviceChange,
  options: ConfigureOptions,
): readonly Uint8Array[][] {
  const { limit = LIMIT, indexOf } = options;
  const { privateKey, listenPort } = change;
  const device = text(WGDEVICE_A.IFNAME, name);
  const settings = [
    ...(privateKey ? [attribute(WGDEVICE_A.PRIVATE_KEY, requireKey(privateKey, "the private key"))] : []),
    ...(listenPort === undefined ? [] : [u16(WGDEVICE_A.LISTEN_PORT, requireU16(listenPort, "a port"))]),
  ];
  const room = limit - PEER_BYTES;
  const peers = packed(
    change.peers.flatMap((peer) => encodePeer(peer, room - PEER_BYTES, indexOf)),
    room,
  );
  const [first, ...others] = peers.map((group) => nested(WGDEVICE_A.PEERS, ...group));
  return [[device, ...settings, ...(first ? [first] : [])], ...others.map((group) => [device, group])];
}

/** A peer as one entry, or as several if its allowed addresses take more than `room` bytes. */
function encodePeer(
  change: PeerChange,
  room: number,
  indexOf: ConfigureOptions["indexOf"],
): readonly Uint8Array[] {
  const key = attribute(WGPEER_A.PUBLIC_KEY, requireKey(change.publicKey, "a peer's public key"));
  const entry = (...attributes: readonly Uint8Array[]): Uint8Array => nested(0, key, ...attributes);
  const flags = (value: number): Uint8Array => u32(WGPEER_A.FLAGS, value);
  if (change.kind === "remove-peer") return [entry(flags(WGPEER_F.REMOVE_ME))];
  const { allowedIps, endpoint, persistentKeepaliveS } = change;
  const settings = [
    ...(endpoint === undefined ? [] : encodeEndpoint(endpoint, indexOf)),
    ...(persistentKeepaliveS === undefined
      ? []
      : [u16(WGPEER_A.PERSISTENT_KEEPALIVE_INTERVAL, requireU16(persistentKeepaliveS, "a keepalive"))]),
  ];
  if (!allowedIps) return [entry(...settings)];
  const [first = [], ...others] = packed(allowedIps.map(encodeAllowedIp), room);
  const list = (entries: readonly Uint8Array[]): Uint8Array => nested(WGPEER_A.ALLOWEDIPS, ...entries);
  return [
    entry(flags(WGPEER_F.REPLACE_ALLOWEDIPS), ...settings, list(first)),
    // Only of a peer that is there: if somebody removes it in between, it does not come back with half of its addresses.
    ...others.map((entries) => entry(flags(WGPEER_F.UPDATE_ONLY), list(entries))),
  ];
}

function encodeEndpoint(given: string, indexOf: ConfigureOptions["indexOf"]): readonly Uint8Array[] {
  const endpoint = readEndpoint(given);
  if (!endpoint) throw new UnsayableError(`${JSON.stringify(given)} is no endpoint such as 10.0.0.7:51820`);
  const { address, port, zone } = endpoint;
  const scopeId = zone === undefined ? 0 : indexOf(zone);
  if (scopeId === undefined) return [];
  return [attribute(WGPEER_A.ENDPOINT, encodeSocketAddress({ address, port, scopeId }))];
}

function encodeAllowedIp(cidr: string): Uint8Array {
  const [, network = "", prefix = ""] = /^([^/]+)\/(\d{1,3})$/.exec(cidr) ?? [];
  const address = parseAddress(network);
  if (!address || Number(prefix) > 8 * address.length)
    throw new UnsayableError(`${JSON.stringify(cidr)} is no network such as 10.86.0.2/32`);
  return nested(
    0,
    u16(WGALLOWEDIP_A.FAMILY, address.length === 4 ? AF.INET : AF.INET6),
    attribute(WGALLOWEDIP_A.IPADDR, address),
    u8(WGALLOWEDIP_A.CIDR_MASK, Number(prefix)),
  );
}

/** Entries in their order, in groups that are not longer than `room` bytes, each of at least one entry. */
function packed(entries: readonly Uint8Array[], room: number): readonly (readonly Uint8Array[])[] {
  const groups: Uint8Array[][] = [];
  let left = 0;
  for (const entry of entries) {
    const group = groups.at(-1);
    if (group && entry.length <= left) group.push(entry);
    else {
      groups.push([entry]);
      left = room;
    }
    left -= entry.length;
  }
  return groups;
}

function requireKey(key: Uint8Array, what: string): Uint8Array {
  if (key.length !== WG_KEY_LEN)
    throw new UnsayableError(`${what} has ${key.length} bytes, not ${WG_KEY_LEN}`);
  return key;
}

function requireU16(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff)
    throw new UnsayableError(`${what} of ${value} is not between 0 and 65535`);
  return value;
}

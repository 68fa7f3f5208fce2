import { equalBytes } from "@cluster-os/std";
import type { DeviceState, PeerState } from "@cluster-os/mesh";
import { formatAddress } from "./address.ts";
import {
  readAttributes,
  readText,
  readU16,
  readU64,
  readU8,
  sized,
  type Attribute,
} from "./netlink/attributes.ts";
import { NetlinkFormatError } from "./netlink/errors.ts";
import { formatEndpoint, readSocketAddress, type SocketAddress } from "./socket-address.ts";
import { AF, WG_KEY_LEN, WGALLOWEDIP_A, WGDEVICE_A, WGPEER_A } from "./uapi.ts";

/** A device as the kernel tells it: interfaces of link-local endpoints are numbers. */
export interface KernelDevice {
  readonly name: string;
  readonly publicKey: Uint8Array | undefined;
  readonly listenPort: number;
  readonly peers: readonly KernelPeer[];
}

export interface KernelPeer extends Omit<PeerState, "endpoint"> {
  readonly socketAddress: SocketAddress | undefined;
}

/**
 * The device that the parts of a dump (WG_CMD_GET_DEVICE) tell of. Where a part is full the next goes on: with the next
 * peer, or with the same peer's public key and the rest of its allowed addresses. Attributes that are not known are passed
 * over; wrong ones are a {@link NetlinkFormatError}, whose message never holds a key.
 */
export function parseDevice(parts: readonly Uint8Array[]): KernelDevice {
  let name = "";
  let publicKey: Uint8Array | undefined;
  let listenPort = 0;
  const peers: KernelPeer[] = [];
  for (const { type, payload } of parts.flatMap(readAttributes)) {
    if (type === WGDEVICE_A.IFNAME) name = readText(payload);
    else if (type === WGDEVICE_A.PUBLIC_KEY) publicKey = readKey(payload);
    else if (type === WGDEVICE_A.LISTEN_PORT) listenPort = readU16(payload);
    else if (type === WGDEVICE_A.PEERS)
      for (const entry of readAttributes(payload)) addPeer(peers, parsePeer(readAttributes(entry.payload)));
  }
  return { name, publicKey, listenPort, peers };
}

/** The device in the words of the mesh. `zoneOf` gives an interface's name by its index. */
export function deviceState(
  device: KernelDevice,
  zoneOf: (index: number) => string | undefined,
): DeviceState {
  const { name, publicKey, listenPort, peers } = device;
  return {
    name,
    ...(publicKey && { publicKey }),
    listenPort,
    peers: peers.map(({ socketAddress, ...peer }) => ({
      ...peer,
      ...(socketAddress && { endpoint: formatEndpoint(socketAddress, zoneOf) }),
    })),
  };
}

function addPeer(peers: KernelPeer[], peer: KernelPeer): void {
  const last = peers.at(-1);
  if (!last || !equalBytes(last.publicKey, peer.publicKey)) peers.push(peer);
  else peers.splice(-1, 1, { ...last, allowedIps: [...last.allowedIps, ...peer.allowedIps] });
}

function parsePeer(attributes: readonly Attribute[]): KernelPeer {
  let publicKey: Uint8Array | undefined;
  let socketAddress: SocketAddress | undefined;
  let allowedIps: readonly string[] = [];
  let [keepaliveS, handshakeMs, rxBytes, txBytes] = [0, 0, 0, 0];
  for (const { type, payload } of attributes) {
    if (type === WGPEER_A.PUBLIC_KEY) publicKey = readKey(payload);
    else if (type === WGPEER_A.ENDPOINT) socketAddress = readSocketAddress(payload);
    else if (type === WGPEER_A.PERSISTENT_KEEPALIVE_INTERVAL) keepaliveS = readU16(payload);
    else if (type === WGPEER_A.LAST_HANDSHAKE_TIME) handshakeMs = readTime(payload);
    else if (type === WGPEER_A.RX_BYTES) rxBytes = readU64(payload);
    else if (type === WGPEER_A.TX_BYTES) txBytes = readU64(payload);
    else if (type === WGPEER_A.ALLOWEDIPS)
      allowedIps = readAttributes(payload).map((entry) => parseAllowedIp(readAttributes(entry.payload)));
  }
  if (!publicKey) throw new NetlinkFormatError("a peer without a public key");
  return {
    publicKey,
    socketAddress,
    allowedIps,
    ...(keepaliveS > 0 && { persistentKeepaliveS: keepaliveS }),
    ...(handshakeMs > 0 && { latestHandshakeMs: handshakeMs }),
    rxBytes,
    txBytes,
  };
}

function parseAllowedIp(attributes: readonly Attribute[]): string {
  const find = (type: number): Uint8Array => {
    const found = attributes.find((attribute) => attribute.type === type);
    if (!found) throw new NetlinkFormatError("an allowed address without its parts");
    return found.payload;
  };
  const family = readU16(find(WGALLOWEDIP_A.FAMILY));
  const address = find(WGALLOWEDIP_A.IPADDR);
  const prefix = readU8(find(WGALLOWEDIP_A.CIDR_MASK));
  const size = family === AF.INET ? 4 : family === AF.INET6 ? 16 : undefined;
  if (address.length !== size || prefix > 8 * size)
    throw new NetlinkFormatError(
      `an allowed address of ${address.length} bytes, family ${family}, /${prefix}`,
    );
  return `${formatAddress(address)}/${prefix}`;
}

/** A key of its own: the kernel's answer is wiped afterwards. */
function readKey(payload: Uint8Array): Uint8Array {
  sized(payload, WG_KEY_LEN);
  return new Uint8Array(payload);
}

/** struct __kernel_timespec, as Unix milliseconds; 0 is never. */
function readTime(payload: Uint8Array): number {
  const view = sized(payload, 16);
  return Number(view.getBigInt64(0, true)) * 1000 + Math.floor(Number(view.getBigInt64(8, true)) / 1e6);
}

import { agreementKeyFromPrivate } from "@cluster-os/identity";
import { equalBytes, toHex } from "@cluster-os/std";
import {
  attribute,
  nested,
  readAttributes,
  readU16,
  readU32,
  readU8,
  text,
  u16,
  u32,
  u8,
  viewOf,
} from "../../src/netlink/attributes.ts";
import { ERRNO, NetlinkError } from "../../src/netlink/errors.ts";
import { AF, WG_KEY_LEN, WGALLOWEDIP_A, WGDEVICE_A, WGPEER_A, WGPEER_F } from "../../src/uapi.ts";

/** What drivers/net/wireguard/netlink.c does with one interface, as far as it can be seen from outside. */
export interface ModelDevice {
  readonly index: number;
  readonly name: string;
  privateKey?: Uint8Array;
  publicKey?: Uint8Array;
  listenPort: number;
  /** By public key, in the order in which they came. */
  readonly peers: Map<string, ModelPeer>;
}

export interface ModelPeer {
  readonly publicKey: Uint8Array;
  socketAddress?: Uint8Array;
  keepaliveS: number;
  handshake: { readonly seconds: bigint; readonly nanoseconds: bigint };
  rxBytes: bigint;
  txBytes: bigint;
  allowedIps: ModelNetwork[];
}

export interface ModelNetwork {
  readonly family: number;
  readonly address: Uint8Array;
  readonly prefix: number;
}

export function modelDevice(index: number, name: string): ModelDevice {
  return { index, name, listenPort: 0, peers: new Map() };
}

export function modelPeer(publicKey: Uint8Array): ModelPeer {
  const handshake = { seconds: 0n, nanoseconds: 0n };
  return { publicKey, keepaliveS: 0, handshake, rxBytes: 0n, txBytes: 0n, allowedIps: [] };
}

/** wg_set_device. */
export function setDevice(device: ModelDevice, attributes: Uint8Array): void {
  const entries = readAttributes(attributes);
  const find = (type: number): Uint8Array | undefined =>
    entries.find((entry) => entry.type === type)?.payload;
  const port = find(WGDEVICE_A.LISTEN_PORT);
  if (port) device.listenPort = readU16(port);
  const privateKey = find(WGDEVICE_A.PRIVATE_KEY);
  if (privateKey) setPrivateKey(device, requireKey(privateKey).slice());
  for (const entry of readAttributes(find(WGDEVICE_A.PEERS) ?? new Uint8Array()))
    setPeer(device, entry.payload);
}

function setPrivateKey(device: ModelDevice, privateKey: Uint8Array): void {
  device.privateKey = privateKey;
  device.publicKey = agreementKeyFromPrivate(privateKey).publicKey;
  device.peers.delete(toHex(device.publicKey));
}

function setPeer(device: ModelDevice, attributes: Uint8Array): void {
  const entries = readAttributes(attributes);
  const find = (type: number): Uint8Array | undefined =>
    entries.find((entry) => entry.type === type)?.payload;
  const publicKey = requireKey(find(WGPEER_A.PUBLIC_KEY) ?? new Uint8Array()).slice();
  const flags = readU32(find(WGPEER_A.FLAGS) ?? new Uint8Array(4));
  const key = toHex(publicKey);
  let peer = device.peers.get(key);
  if (!peer) {
    if ((flags & (WGPEER_F.REMOVE_ME | WGPEER_F.UPDATE_ONLY)) !== 0) return;
    if (device.publicKey && equalBytes(device.publicKey, publicKey)) return;
    peer = modelPeer(publicKey);
    device.peers.set(key, peer);
  }
  if ((flags & WGPEER_F.REMOVE_ME) !== 0) {
    device.peers.delete(key);
    return;
  }
  peer.socketAddress = find(WGPEER_A.ENDPOINT)?.slice() ?? peer.socketAddress ?? new Uint8Array();
  if ((flags & WGPEER_F.REPLACE_ALLOWEDIPS) !== 0) peer.allowedIps = [];
  for (const entry of readAttributes(find(WGPEER_A.ALLOWEDIPS) ?? new Uint8Array()))
    addAllowedIp(device, peer, entry.payload);
  const keepalive = find(WGPEER_A.PERSISTENT_KEEPALIVE_INTERVAL);
  if (keepalive) peer.keepaliveS = readU16(keepalive);
}

/** An address belongs to the peer that got it last. */
function addAllowedIp(device: ModelDevice, peer: ModelPeer, attributes: Uint8Array): void {
  const entries = readAttributes(attributes);
  const find = (type: number): Uint8Array => {
    const found = entries.find((entry) => entry.type === type);
    if (!found) throw new NetlinkError(ERRNO.EINVAL);
    return found.payload;
  };
  const network = {
    family: readU16(find(WGALLOWEDIP_A.FAMILY)),
    address: find(WGALLOWEDIP_A.IPADDR).slice(),
    prefix: readU8(find(WGALLOWEDIP_A.CIDR_MASK)),
  };
  const size = network.family === AF.INET ? 4 : 16;
  if (network.address.length !== size || network.prefix > 8 * size) throw new NetlinkError(ERRNO.EINVAL);
  for (const other of device.peers.values())
    other.allowedIps = other.allowedIps.filter((one) => !isSame(one, network));
  peer.allowedIps.push(network);
}

function isSame(left: ModelNetwork, right: ModelNetwork): boolean {
  return left.prefix === right.prefix && equalBytes(left.address, right.address);
}

function requireKey(key: Uint8Array): Uint8Array {
  if (key.length !== WG_KEY_LEN) throw new NetlinkError(ERRNO.EINVAL);
  return key;
}

/**
 * wg_get_device_dump: the device's own attributes in the first part, then peers; each part is filled up to `limit` bytes,
 * and a peer whose allowed addresses do not fit goes on in the next with nothing but its key before them.
 */
export function dumpDevice(device: ModelDevice, limit: number): readonly Uint8Array[] {
  const parts: Uint8Array[][] = [];
  let peers: Uint8Array[] = [];
  let head = deviceAttributes(device);
  let left = limit - sizeOf(head);
  const flush = (): void => {
    parts.push([...head, nested(WGDEVICE_A.PEERS, ...peers)]);
    [head, peers, left] = [[], [], limit];
  };
  for (const peer of device.peers.values()) {
    const networks = peer.allowedIps.map(networkAttributes);
    let attributes = peerAttributes(peer);
    for (let at = 0; at === 0 || at < networks.length;) {
      if (sizeOf(attributes) + (networks[at]?.length ?? 0) > left && peers.length + head.length > 0) flush();
      left -= sizeOf(attributes);
      const first = at;
      while (at < networks.length && (at === first || (networks[at] as Uint8Array).length <= left)) {
        left -= (networks[at] as Uint8Array).length;
        at += 1;
      }
      const list = networks.slice(first, at);
      peers.push(
        nested(0, ...attributes, ...(list.length > 0 ? [nested(WGPEER_A.ALLOWEDIPS, ...list)] : [])),
      );
      attributes = attributes.slice(0, 1);
      if (networks.length === 0) break;
    }
  }
  flush();
  return parts.map((part) => new Uint8Array(Buffer.concat(part)));
}

function deviceAttributes({ index, name, privateKey, publicKey, listenPort }: ModelDevice): Uint8Array[] {
  return [
    u16(WGDEVICE_A.LISTEN_PORT, listenPort),
    u32(WGDEVICE_A.FWMARK, 0),
    u32(WGDEVICE_A.IFINDEX, index),
    text(WGDEVICE_A.IFNAME, name),
    ...(privateKey ? [attribute(WGDEVICE_A.PRIVATE_KEY, privateKey)] : []),
    ...(publicKey ? [attribute(WGDEVICE_A.PUBLIC_KEY, publicKey)] : []),
  ];
}

/** The key first: it is what a part that goes on with this peer repeats. */
function peerAttributes(peer: ModelPeer): Uint8Array[] {
  const time = new Uint8Array(16);
  viewOf(time).setBigInt64(0, peer.handshake.seconds, true);
  viewOf(time).setBigInt64(8, peer.handshake.nanoseconds, true);
  const { socketAddress } = peer;
  return [
    attribute(WGPEER_A.PUBLIC_KEY, peer.publicKey),
    attribute(WGPEER_A.PRESHARED_KEY, new Uint8Array(WG_KEY_LEN)),
    attribute(WGPEER_A.LAST_HANDSHAKE_TIME, time),
    u16(WGPEER_A.PERSISTENT_KEEPALIVE_INTERVAL, peer.keepaliveS),
    u64(WGPEER_A.TX_BYTES, peer.txBytes),
    u64(WGPEER_A.RX_BYTES, peer.rxBytes),
    u32(WGPEER_A.PROTOCOL_VERSION, 1),
    ...(socketAddress && socketAddress.length > 0 ? [attribute(WGPEER_A.ENDPOINT, socketAddress)] : []),
  ];
}

function networkAttributes({ family, address, prefix }: ModelNetwork): Uint8Array {
  return nested(
    0,
    u8(WGALLOWEDIP_A.CIDR_MASK, prefix),
    u16(WGALLOWEDIP_A.FAMILY, family),
    attribute(WGALLOWEDIP_A.IPADDR, address),
  );
}

function u64(type: number, value: bigint): Uint8Array {
  const payload = new Uint8Array(8);
  viewOf(payload).setBigUint64(0, value, true);
  return attribute(type, payload);
}

function sizeOf(attributes: readonly Uint8Array[]): number {
  return attributes.reduce((sum, { length }) => sum + length, 0);
}

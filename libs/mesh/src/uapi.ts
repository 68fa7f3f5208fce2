import { fromHex, toHex } from "@cluster-os/std";
import {
  WireGuardError,
  type DeviceChange,
  type DeviceState,
  type PeerChange,
  type PeerState,
} from "./device.ts";

/**
 * The text protocol of userspace WireGuard (wireguard.com/xplatform): lines `key=value`, an empty line at the end, and
 * `errno=N` in the answer. Encoding and parsing only; the socket is the driver's.
 */

/** The request that asks for the whole state. */
export const GET_REQUEST = "get=1\n\n";

/** The request for a change. It holds the private key, when that changes: never log it. */
export function encodeChange(change: DeviceChange): string {
  const lines = ["set=1"];
  if (change.privateKey) lines.push(`private_key=${toHex(change.privateKey)}`);
  if (change.listenPort !== undefined) lines.push(`listen_port=${change.listenPort}`);
  for (const peer of change.peers) lines.push(...encodePeer(peer));
  return `${lines.join("\n")}\n\n`;
}

function encodePeer(peer: PeerChange): string[] {
  const lines = [`public_key=${toHex(peer.publicKey)}`];
  if (peer.kind === "remove-peer") return [...lines, "remove=true"];
  if (peer.endpoint !== undefined) lines.push(`endpoint=${peer.endpoint}`);
  if (peer.persistentKeepaliveS !== undefined)
    lines.push(`persistent_keepalive_interval=${peer.persistentKeepaliveS}`);
  if (peer.allowedIps)
    lines.push("replace_allowed_ips=true", ...peer.allowedIps.map((entry) => `allowed_ip=${entry}`));
  return lines;
}

/** Throws unless the answer to a change says that all went well. */
export function checkAnswer(name: string, answer: string): void {
  const errno = /^errno=(-?\d+)$/m.exec(answer)?.[1];
  if (errno === undefined) throw new WireGuardError(`${name}: the answer is cut off`);
  if (errno !== "0") throw new WireGuardError(`${name} refused the change with error ${errno}`);
}

/** The state in an answer to {@link GET_REQUEST}. Keys that are not known are skipped, as the protocol asks. */
export function parseState(
  name: string,
  answer: string,
  publicKeyOf: (privateKey: Uint8Array) => Uint8Array,
): DeviceState {
  checkAnswer(name, answer);
  let publicKey: Uint8Array | undefined;
  let listenPort = 0;
  const peers: PeerDraft[] = [];
  for (const line of answer.split("\n")) {
    const at = line.indexOf("=");
    const [key, value] = [line.slice(0, at), line.slice(at + 1)];
    const peer = peers.at(-1);
    if (key === "private_key") publicKey = publicKeyOf(keyBytes(name, value));
    else if (key === "listen_port") listenPort = Number(value);
    else if (key === "public_key")
      peers.push({ publicKey: keyBytes(name, value), allowedIps: [], rxBytes: 0, txBytes: 0 });
    else if (peer) readPeerLine(peer, key, value);
  }
  return { name, ...(publicKey && { publicKey }), listenPort, peers: peers.map(finish) };
}

type PeerDraft = { -readonly [Key in keyof PeerState]: PeerState[Key] } & {
  allowedIps: string[];
  handshakeS?: number;
};

function readPeerLine(peer: PeerDraft, key: string, value: string): void {
  if (key === "endpoint") peer.endpoint = value;
  else if (key === "allowed_ip") peer.allowedIps.push(value);
  else if (key === "rx_bytes") peer.rxBytes = Number(value);
  else if (key === "tx_bytes") peer.txBytes = Number(value);
  else if (key === "last_handshake_time_sec") peer.handshakeS = Number(value);
  else if (key === "last_handshake_time_nsec" && peer.handshakeS) {
    peer.latestHandshakeMs = peer.handshakeS * 1000 + Math.floor(Number(value) / 1e6);
  } else if (key === "persistent_keepalive_interval" && value !== "0")
    peer.persistentKeepaliveS = Number(value);
}

function finish({ handshakeS: _handshakeS, ...peer }: PeerDraft): PeerState {
  return peer;
}

function keyBytes(name: string, hex: string): Uint8Array {
  const bytes = /^[0-9a-f]{64}$/i.test(hex) ? fromHex(hex) : undefined;
  if (!bytes) throw new WireGuardError(`${name} answered with a key that is not 32 bytes`);
  return bytes;
}

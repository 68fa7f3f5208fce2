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

/** What the daemon's error numbers mean (errno(3)), and the way out of them. */
const REFUSALS: Readonly<Record<string, string>> = {
  "5": "reading or writing failed",
  "22": "it does not know a word of the request; its journal names it",
  "71": "it does not know the protocol; only one program at a time may speak to it",
  "98": "the UDP port is in use: end the program that has it, or set another wireguardPort",
};

/** Throws unless the answer to a request says that all went well. */
export function checkAnswer(name: string, answer: string): void {
  const errno = /^errno=-?(\d+)$/m.exec(answer)?.[1];
  if (errno === undefined) throw new WireGuardError(`the answer of WireGuard interface ${name} is cut off`);
  if (Number(errno) === 0) return;
  const reason = REFUSALS[errno] ?? "see errno(3)";
  throw new WireGuardError(`WireGuard interface ${name} refused the request with error ${errno}: ${reason}`);
}

/**
 * The state in an answer to {@link GET_REQUEST}. Lines that are not known are skipped, as the protocol asks. Anything else
 * than an answer is a {@link WireGuardError}, whose message never holds a key.
 */
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
    else if (key === "listen_port") listenPort = count(name, key, value);
    else if (key === "public_key") peers.push(emptyPeer(keyBytes(name, value)));
    else if (peer) readPeerLine(name, peer, key, value);
  }
  return { name, ...(publicKey && { publicKey }), listenPort, peers: peers.map(finish) };
}

interface PeerDraft {
  readonly publicKey: Uint8Array;
  endpoint: string | undefined;
  readonly allowedIps: string[];
  keepaliveS: number;
  handshakeS: number;
  handshakeNs: number;
  rxBytes: number;
  txBytes: number;
}

function emptyPeer(publicKey: Uint8Array): PeerDraft {
  const counts = { keepaliveS: 0, handshakeS: 0, handshakeNs: 0, rxBytes: 0, txBytes: 0 };
  return { publicKey, endpoint: undefined, allowedIps: [], ...counts };
}

function readPeerLine(name: string, peer: PeerDraft, key: string, value: string): void {
  switch (key) {
    case "endpoint":
      peer.endpoint = value;
      break;
    case "allowed_ip":
      peer.allowedIps.push(value);
      break;
    case "persistent_keepalive_interval":
      peer.keepaliveS = count(name, key, value);
      break;
    case "last_handshake_time_sec":
      peer.handshakeS = count(name, key, value);
      break;
    case "last_handshake_time_nsec":
      peer.handshakeNs = count(name, key, value);
      break;
    case "rx_bytes":
      peer.rxBytes = count(name, key, value);
      break;
    case "tx_bytes":
      peer.txBytes = count(name, key, value);
      break;
  }
}

function finish(draft: PeerDraft): PeerState {
  const { publicKey, endpoint, allowedIps, keepaliveS, handshakeS, handshakeNs, rxBytes, txBytes } = draft;
  const handshakeMs = handshakeS * 1000 + Math.floor(handshakeNs / 1e6);
  return {
    publicKey,
    ...(endpoint !== undefined && { endpoint }),
    allowedIps,
    ...(keepaliveS > 0 && { persistentKeepaliveS: keepaliveS }),
    ...(handshakeMs > 0 && { latestHandshakeMs: handshakeMs }),
    rxBytes,
    txBytes,
  };
}

function count(name: string, key: string, value: string): number {
  const number = /^\d+$/.test(value) ? Number(value) : Infinity;
  if (number > Number.MAX_SAFE_INTEGER) {
    throw new WireGuardError(`WireGuard interface ${name} answered with a ${key} that is not a number`);
  }
  return number;
}

function keyBytes(name: string, hex: string): Uint8Array {
  const bytes = /^[0-9a-f]{64}$/i.test(hex) ? fromHex(hex) : undefined;
  if (!bytes)
    throw new WireGuardError(`WireGuard interface ${name} answered with a key that is not 32 bytes`);
  return bytes;
}

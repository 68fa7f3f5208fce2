import { equalBytes, toHex } from "@cluster-os/std";
import type { DeviceChange, DeviceState, PeerChange, PeerState } from "./device.ts";
import type { MeshWish, PeerWish } from "./mesh-wish.ts";

/**
 * A session that was not renewed for this long is dead: REJECT_AFTER_TIME of the WireGuard paper (section 6.1), in
 * milliseconds.
 */
const SESSION_MS = 180_000;

/**
 * What must change for the device to be as wished; undefined when it is so already. Only differences are in it: a peer
 * that is in order is not mentioned, so its session goes on.
 *
 * An endpoint is written only to a peer without a live session. While there is one, WireGuard knows better than gossip
 * where the peer is, since it follows the peer's authenticated packets; writing would fight its roaming. `wallTime` (Unix
 * ms) is compared with the device's own handshake times.
 */
export function planDevice(
  observed: DeviceState,
  wish: MeshWish,
  wallTime: number,
): DeviceChange | undefined {
  const wished = new Map(wish.peers.map((peer) => [toHex(peer.publicKey), peer]));
  const present = new Map(observed.peers.map((peer) => [toHex(peer.publicKey), peer]));
  const removals: PeerChange[] = [...present]
    .filter(([key]) => !wished.has(key))
    .map(([, peer]) => ({ kind: "remove-peer", publicKey: peer.publicKey }));
  const settings = [...wished].flatMap(([key, peer]) => planPeer(present.get(key), peer, wallTime));
  // Removals first: a member with a new key takes its addresses over from its old one.
  const peers = [...removals, ...settings];
  const isKeyRight = observed.publicKey !== undefined && equalBytes(observed.publicKey, wish.publicKey);
  const isPortRight = observed.listenPort === wish.listenPort;
  if (peers.length === 0 && isKeyRight && isPortRight) return undefined;
  return {
    ...(!isKeyRight && { privateKey: wish.privateKey }),
    ...(!isPortRight && { listenPort: wish.listenPort }),
    peers,
  };
}

function planPeer(present: PeerState | undefined, wish: PeerWish, wallTime: number): PeerChange[] {
  const { publicKey, endpoint, allowedIps, persistentKeepaliveS } = wish;
  if (!present) return [{ kind: "set-peer", ...wish }];
  const isAllowedRight = sameSet(present.allowedIps, allowedIps);
  const isKeepaliveRight = present.persistentKeepaliveS === persistentKeepaliveS;
  const isSilent = wallTime - (present.latestHandshakeMs ?? 0) > SESSION_MS;
  const isEndpointRight = endpoint === undefined || present.endpoint === endpoint || !isSilent;
  if (isAllowedRight && isKeepaliveRight && isEndpointRight) return [];
  return [
    {
      kind: "set-peer",
      publicKey,
      ...(!isAllowedRight && { allowedIps }),
      ...(!isKeepaliveRight && { persistentKeepaliveS }),
      ...(!isEndpointRight && { endpoint }),
    },
  ];
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((entry) => right.includes(entry));
}

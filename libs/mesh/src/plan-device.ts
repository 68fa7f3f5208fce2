import { equalBytes, toHex } from "@cluster-os/std";
import type { DeviceChange, DeviceState, PeerChange, PeerState } from "./device.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { MeshWish, PeerWish } from "./mesh-wish.ts";

/**
 * A session that was not renewed for this long is dead: REJECT_AFTER_TIME of the WireGuard paper (section 6.1), in
 * milliseconds. With keepalives on both sides a live one is renewed every two minutes.
 */
const SESSION_MS = 180_000;

/**
 * What must change for the device to be as wished; undefined when it is so already. Only differences are in it: a peer
 * that is in order is not mentioned, so its session goes on.
 *
 * The endpoint is the one thing that is the device's as well: WireGuard follows a peer's authenticated packets ("roaming"),
 * and while it hears the peer it knows better than gossip. An endpoint that differs from the wish is therefore written
 * only when nothing is lost by it:
 * - the peer has no live session, so the device knows nothing better. Writing makes it equal, and it stays so until the
 *   peer is heard again. This needs no memory, so it is the same after a restart;
 * - or the wish itself moved: gossip has news. `previous` is the wish that this process last carried out, if any. Without
 *   it a peer that moved is found when it sends its next packet, its keepalive at the latest.
 *
 * `wallTime` (Unix ms) is compared with the device's own handshake times. After either clock stepped, a session counts as
 * dead until its next handshake.
 */
export function planDevice(
  observed: DeviceState,
  wish: MeshWish,
  wallTime: number,
  previous?: MeshWish,
): DeviceChange | undefined {
  const wished = byKey(wish.peers);
  const present = byKey(observed.peers);
  const before = byKey(previous?.peers ?? []);
  const unheard = new Set(wish.unheard);
  const mayBeUnheard = ({ allowedIps }: PeerState): boolean =>
    allowedIps.length > 0 && allowedIps.every((address) => unheard.has(address));
  const removals: PeerChange[] = [...present]
    .filter(([key, peer]) => !wished.has(key) && !mayBeUnheard(peer))
    .map(([, peer]) => ({ kind: "remove-peer", publicKey: peer.publicKey }));
  const settings = [...wished].flatMap(([key, peer]) => {
    const state = present.get(key);
    if (!state) return [{ kind: "set-peer" as const, ...peer }];
    const was = before.get(key)?.endpoint;
    const isMoved = was !== undefined && was !== peer.endpoint;
    return planPeer(state, peer, isMoved || !hasSession(state, wallTime));
  });
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

function planPeer(present: PeerState, wish: PeerWish, mayMove: boolean): PeerChange[] {
  const { publicKey, endpoint, allowedIps, persistentKeepaliveS } = wish;
  const isAllowedRight = sameSet(present.allowedIps, allowedIps);
  const isKeepaliveRight = present.persistentKeepaliveS === persistentKeepaliveS;
  const isEndpointRight =
    endpoint === undefined ||
    (present.endpoint !== undefined && (!mayMove || sameEndpoint(present.endpoint, endpoint)));
  if (isAllowedRight && isKeepaliveRight && isEndpointRight) return [];
  return [
    {
      kind: "set-peer",
      publicKey,
      ...(!isAllowedRight && { allowedIps }),
      ...(!isKeepaliveRight && { persistentKeepaliveS: persistentKeepaliveS ?? 0 }),
      ...(!isEndpointRight && { endpoint }),
    },
  ];
}

function sameEndpoint(reported: string, wished: string): boolean {
  return reported === wished || parseEndpoint(reported) === wished;
}

function hasSession(peer: PeerState, wallTime: number): boolean {
  return peer.latestHandshakeMs !== undefined && Math.abs(wallTime - peer.latestHandshakeMs) <= SESSION_MS;
}

function byKey<T extends { readonly publicKey: Uint8Array }>(peers: readonly T[]): ReadonlyMap<string, T> {
  return new Map(peers.map((peer) => [toHex(peer.publicKey), peer]));
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((entry) => right.includes(entry));
}

import { compareBytes, equalBytes } from "@cluster-os/std";
import { meshAddress, podNetwork, type AddressPlan } from "./address-plan.ts";
import { parseEndpoint } from "./endpoint.ts";

/** Another member as the mesh needs it. */
export interface MeshMember {
  readonly index: number;
  /** Raw 32-byte X25519 public key, from the member's own signed record. */
  readonly wireguardKey: Uint8Array;
  /** The key it will use soon, announced beforehand. */
  readonly nextKey?: Uint8Array;
  /** Where its WireGuard listens, if known; without it the peer waits to be called. */
  readonly endpoint?: string;
}

export interface PeerWish {
  readonly publicKey: Uint8Array;
  readonly endpoint?: string;
  readonly allowedIps: readonly string[];
  /** Absent of a key that is announced and not used yet: it carries nothing. */
  readonly persistentKeepaliveS?: number;
}

/** What the device should be. */
export interface MeshWish {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly listenPort: number;
  /** Sorted by public key, announced keys last; each key and each allowed address once. */
  readonly peers: readonly PeerWish[];
  /**
   * Addresses of nodes whose keys are not known yet: a peer that has only such addresses stays as it is. After a restart
   * the device knows more than a process that has heard nobody, and connections go on.
   */
  readonly unheard: readonly string[];
}

export interface MeshWishInput {
  readonly addressPlan: AddressPlan;
  readonly selfIndex: number;
  readonly peers: readonly MeshMember[];
  /** Indexes of admitted nodes of which nothing was heard since this process started. */
  readonly unheard: readonly number[];
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly listenPort: number;
}

/** Keeps a NAT's or a switch's memory of us alive (wg(8) recommends 25). */
const KEEPALIVE_S = 25;

/**
 * The device as the members make it: each other member a peer, whose AllowedIPs are its own mesh address and its own pod
 * network and nothing else. Since both follow from the index in its admission record, no member can claim another's.
 *
 * Keys and endpoints are the members' own words, and a device refuses a whole change for one word that it cannot read. So
 * a member with a key that is none, or with this machine's own, is left out, and an endpoint that is none is not known.
 */
export function meshWish(input: MeshWishInput): MeshWish {
  const { addressPlan, selfIndex, privateKey, publicKey, listenPort } = input;
  const others = input.peers.filter(
    ({ index, wireguardKey }) =>
      index !== selfIndex && wireguardKey.length === 32 && !equalBytes(wireguardKey, publicKey),
  );
  const peers = [...new Map(others.map((peer) => [peer.index, peer])).values()]
    // Two members that show one key - a cloned disk - cannot both be peers; the lower index keeps it.
    .sort((left, right) => compareBytes(left.wireguardKey, right.wireguardKey) || left.index - right.index)
    .filter(
      (peer, at, all) => at === 0 || !equalBytes((all[at - 1] as MeshMember).wireguardKey, peer.wireguardKey),
    )
    .map((peer) => peerWish(addressPlan, peer));
  const used = [publicKey, ...peers.map((peer) => peer.publicKey)];
  const announced = others.flatMap((peer) => announcedPeer(peer, used));
  const unheard = input.unheard.flatMap((index) => allowedIpsOf(addressPlan, index));
  return { privateKey, publicKey, listenPort, peers: [...peers, ...announced], unheard };
}

function peerWish(addressPlan: AddressPlan, { index, wireguardKey, endpoint }: MeshMember): PeerWish {
  const known = endpoint === undefined ? undefined : parseEndpoint(endpoint);
  return {
    publicKey: wireguardKey,
    ...(known !== undefined && { endpoint: known }),
    allowedIps: allowedIpsOf(addressPlan, index),
    persistentKeepaliveS: KEEPALIVE_S,
  };
}

/**
 * A key that a member will use soon: a peer without addresses, so that a handshake with it succeeds from now on. Nobody
 * announces himself into another's place: a key that is in use already is passed over.
 */
function announcedPeer({ nextKey, endpoint }: MeshMember, used: Uint8Array[]): readonly PeerWish[] {
  if (nextKey?.length !== 32 || used.some((key) => equalBytes(key, nextKey))) return [];
  used.push(nextKey);
  const known = endpoint === undefined ? undefined : parseEndpoint(endpoint);
  return [{ publicKey: nextKey, ...(known !== undefined && { endpoint: known }), allowedIps: [] }];
}

function allowedIpsOf(addressPlan: AddressPlan, index: number): readonly string[] {
  return [`${meshAddress(addressPlan, index)}/32`, podNetwork(addressPlan, index)];
}

import { compareBytes } from "@cluster-os/std";
import { meshAddress, podNetwork, type AddressPlan } from "./address-plan.ts";

/** Another member as the mesh needs it. */
export interface MeshMember {
  readonly index: number;
  /** Raw 32-byte X25519 public key, from the member's own signed record. */
  readonly wireguardKey: Uint8Array;
  /** Where its WireGuard listens, if known; without it the peer waits to be called. */
  readonly endpoint?: string;
}

export interface PeerWish {
  readonly publicKey: Uint8Array;
  readonly endpoint?: string;
  readonly allowedIps: readonly string[];
  readonly persistentKeepaliveS: number;
}

/** What the device should be. */
export interface MeshWish {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly listenPort: number;
  /** Sorted by public key; each key and each allowed address once. */
  readonly peers: readonly PeerWish[];
}

export interface MeshWishInput {
  readonly addressPlan: AddressPlan;
  readonly selfIndex: number;
  readonly peers: readonly MeshMember[];
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly listenPort: number;
}

/** Keeps a NAT's or a switch's memory of us alive (wg(8) recommends 25). */
const KEEPALIVE_S = 25;

/**
 * The device as the members make it: each other member a peer, whose AllowedIPs are its own mesh address and its own pod
 * network and nothing else. Since both follow from the index in its admission record, no member can claim another's.
 */
export function meshWish(input: MeshWishInput): MeshWish {
  const { addressPlan, selfIndex, privateKey, publicKey, listenPort } = input;
  const byIndex = new Map(
    input.peers.filter(({ index }) => index !== selfIndex).map((peer) => [peer.index, peer]),
  );
  const peers = [...byIndex.values()]
    // Two members that show one key - a cloned disk - cannot both be peers; the lower index keeps it.
    .sort((left, right) => compareBytes(left.wireguardKey, right.wireguardKey) || left.index - right.index)
    .filter(
      (peer, at, all) =>
        at === 0 || compareBytes((all[at - 1] as MeshMember).wireguardKey, peer.wireguardKey) !== 0,
    )
    .map((peer) => ({
      publicKey: peer.wireguardKey,
      ...(peer.endpoint !== undefined && { endpoint: peer.endpoint }),
      allowedIps: [`${meshAddress(addressPlan, peer.index)}/32`, podNetwork(addressPlan, peer.index)],
      persistentKeepaliveS: KEEPALIVE_S,
    }));
  return { privateKey, publicKey, listenPort, peers };
}

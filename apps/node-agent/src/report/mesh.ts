import type { ClusterNodeStatus, MeshStatus } from "@cluster-os/api";

/**
 * WireGuard discards a session three minutes after its handshake (REJECT_AFTER_TIME, section 6.1 of its paper), and with
 * keepalives renews it before: an older handshake means that nothing gets through.
 */
const SESSION_MS = 180_000;

/** How this machine reaches the others. */
export interface MeshReach {
  /** Living members it should reach. */
  readonly expected: number;
  /** Names of those that it does not reach, sorted. */
  readonly silent: readonly string[];
}

/**
 * Every machine is a peer of every other, so all of them in every report would be a million entries for a thousand
 * machines: etcd, and whoever caches ClusterNodes, would hold hundreds of megabytes that nobody reads.
 */
const LISTED_PEERS = 64;

type MeshReport = NonNullable<ClusterNodeStatus["mesh"]>;

/**
 * The mesh as the ClusterNode shows it. Ages and byte counts stay in the local API: they change without end, and a status
 * that changes without end is a write to etcd without end. A peer that is silent shows when it was last heard, which
 * stands still.
 */
export function meshReport(mesh: MeshStatus, wallTimeMs: number): MeshReport {
  const peers = mesh.peers.map(({ name, address, lastHandshakeMs }) => {
    const connected = isFresh(lastHandshakeMs, wallTimeMs);
    const isKnown = !connected && lastHandshakeMs !== undefined;
    const lastHandshakeTime = isKnown ? toSeconds(lastHandshakeMs) : undefined;
    return { node: name, address, connected, ...(lastHandshakeTime !== undefined && { lastHandshakeTime }) };
  });
  // Whoever looks for trouble looks for those that are not connected.
  peers.sort((left, right) => {
    return Number(left.connected) - Number(right.connected) || (left.node < right.node ? -1 : 1);
  });
  return {
    interface: mesh.interface,
    implementation: mesh.implementation,
    peerCount: peers.length,
    peers: peers.slice(0, LISTED_PEERS),
  };
}

export function meshReach(mesh: MeshStatus, wallTimeMs: number): MeshReach {
  const living = mesh.peers.filter(({ isAlive }) => isAlive);
  const silent = living.filter(({ lastHandshakeMs }) => !isFresh(lastHandshakeMs, wallTimeMs));
  return { expected: living.length, silent: silent.map(({ name }) => name).sort() };
}

function isFresh(lastHandshakeMs: number | undefined, wallTimeMs: number): boolean {
  return lastHandshakeMs !== undefined && wallTimeMs - lastHandshakeMs < SESSION_MS;
}

function toSeconds(unixMs: number): string {
  return new Date(Math.floor(unixMs / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

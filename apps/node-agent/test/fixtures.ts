import type { ClockObserved } from "@cluster-os/time";
import type { NodeCapabilities, NodeStatus } from "@cluster-os/api";

export const NODE_NAME = "n-aaaaaaaaaa";
export const NODE_ID = `ed25519:${"a".repeat(64)}`;
/** 2026-01-01T00:00:00Z. */
export const NOW_MS = Date.UTC(2026, 0, 1);

/** A clock that follows a server. */
export const CLOCK: ClockObserved = {
  tracking: { source: "10.86.0.1", isOwnClock: false, stratum: 11, offsetMs: 2 },
  canSetClock: true,
};

export function nodeStatus(changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name: NODE_NAME,
    nodeId: NODE_ID,
    version: "0.1.0",
    lifecycle: "serve",
    clusterId: "c".repeat(32),
    index: 1,
    role: "server",
    roles: ["worker", "control-plane"],
    address: "10.86.0.1",
    underlayAddresses: ["fe80::1"],
    discovery: { interfaces: ["eth0"], candidates: 1, beaconsSent: 9, beaconsHeard: 7, unheardBy: 0 },
    epoch: 0,
    kubernetes: { state: "ready", epoch: 0 },
    members: { alive: 2, suspect: 0, failed: 0, left: 0 },
    controlPlane: { voters: [{ index: 1, name: NODE_NAME, healthy: true }], learners: [] },
    mesh: {
      interface: "cos0",
      network: "10.86.0.0/16",
      implementation: "kernel",
      peers: [peer("n-bbbbbbbbbb", { lastHandshakeMs: NOW_MS - 1000 })],
    },
    clockOffsets: [],
    problems: [],
    steps: [],
    counters: {},
    ...changes,
  };
}

export function peer(name: string, changes: Partial<NonNullable<NodeStatus["mesh"]>["peers"][number]> = {}) {
  return { name, address: "10.86.0.2", isAlive: true, rxBytes: 1, txBytes: 2, ...changes };
}

export const CAPABILITIES: NodeCapabilities = {
  cpu: 16,
  memory: "64319Mi",
  gpus: 0,
  gpuDevices: [],
  disks: [{ name: "nvme0n1", sizeBytes: 1e12, rotational: false }],
  links: [{ name: "eth0", mtu: 1500 }],
};

export const VERSIONS = { kernel: "6.12.0", os: "Debian GNU/Linux 13 (trixie)" };

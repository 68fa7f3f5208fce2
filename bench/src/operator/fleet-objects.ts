import {
  clusterNodeObject,
  nodeLeaseObject,
  type ClusterNodeObject,
  type ClusterNodeStatus,
  type Condition,
} from "@cluster-os/api";
import { nodeIdOf, nodeName } from "@cluster-os/identity";
import type { KubeObject } from "@cluster-os/kube";

/** The objects of one machine that is not there, as bootstrap, node-agent and kubelet write them. */
export interface FakeNode {
  readonly name: string;
  readonly clusterNode: ClusterNodeObject;
  readonly lease: KubeObject;
  /** With its status, as a kubelet registers it. */
  readonly node: KubeObject;
  /** What node-agent reports. */
  readonly agentStatus: ClusterNodeStatus;
  /** What the servers' bootstrap reports. */
  readonly bootstrapStatus: ClusterNodeStatus;
}

/** `count` machines, each of which lists so many others as its peers in the mesh. Indexes begin at 1. */
export function fakeFleet(count: number, peers: number, nowIso: string): readonly FakeNode[] {
  const nodes = Array.from({ length: count }, (_, position) => {
    const nodeId = nodeIdOf(keyOfPosition(position));
    return {
      position,
      nodeId,
      name: nodeName(nodeId),
      address: `10.86.${(position + 1) >> 8}.${(position + 1) & 255}`,
    };
  });
  return nodes.map(({ position, nodeId, name, address }) => {
    const seen = Array.from({ length: Math.min(peers, count - 1) }, (_, step) => {
      return nodes[(position + 1 + step) % count] as (typeof nodes)[number];
    });
    return {
      name,
      clusterNode: clusterNodeObject(name),
      lease: nodeLeaseObject(name),
      node: kubernetesNode(name, address, nowIso),
      agentStatus: {
        nodeID: nodeId,
        index: position + 1,
        roles: ["worker"],
        rolesText: "worker",
        capabilities: CAPABILITIES,
        addresses: [
          { type: "Mesh", address },
          { type: "Underlay", address: "fe80::a8bb:ccff:fe00:1%eth0" },
        ],
        mesh: {
          interface: "cos0",
          peerCount: count - 1,
          peers: seen.map((peer) => ({ node: peer.name, address: peer.address, connected: true })),
        },
        versions: { clusterOs: "0.1.0", kernel: "6.12.43+deb13-amd64", os: "Debian GNU/Linux 13 (trixie)" },
        conditions: [
          condition("MeshConnected", "AllPeersConnected", "every living peer is connected", nowIso),
          condition("KubernetesReady", "KubeletHealthy", "the kubelet answers", nowIso),
          condition("ClockSynchronized", "Synchronized", "the clock follows the mesh", nowIso),
        ],
        observedGeneration: 1,
      },
      bootstrapStatus: {
        conditions: [
          condition("Member", "Joined", "this machine takes part", nowIso),
          condition("IdentityVerified", "Admitted", "its key was admitted", nowIso),
        ],
      },
    };
  });
}

/** A public key of 32 bytes unlike those of the other positions. */
function keyOfPosition(position: number): Uint8Array {
  const key = new Uint8Array(32).fill(1);
  new DataView(key.buffer).setUint32(0, position);
  return key;
}

function condition(type: string, reason: string, message: string, lastTransitionTime: string): Condition {
  return { type, status: "True", reason, message, lastTransitionTime, observedGeneration: 1 };
}

const CAPABILITIES: ClusterNodeStatus["capabilities"] = {
  cpu: 64,
  memory: "257542Mi",
  gpus: 1,
  gpuDevices: [{ address: "0000:65:00.0", vendor: "NVIDIA", device: "0x2330", driver: "nvidia" }],
  disks: [
    { name: "nvme0n1", sizeBytes: 1_920_383_410_176, rotational: false, model: "a disk" },
    { name: "nvme1n1", sizeBytes: 1_920_383_410_176, rotational: false, model: "a disk" },
  ],
  links: [
    { name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, speedMbps: 25_000 },
    { name: "eth1", mac: "02:00:00:00:00:02", mtu: 1500, speedMbps: 25_000 },
  ],
};

/** What pods were run from; a kubelet lists up to fifty. */
const IMAGES = Array.from({ length: 10 }, (_, index) => ({
  names: [
    `registry.example/image-${index}@sha256:${String(index).repeat(64)}`,
    `registry.example/image-${index}:1.0`,
  ],
  sizeBytes: 100_000_000 + index,
}));

function kubernetesNode(name: string, address: string, nowIso: string): KubeObject {
  const resources = { cpu: "64", memory: "263723008Ki", pods: "110", "ephemeral-storage": "1843200000Ki" };
  const plain = {
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
  };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { ...plain, "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux" },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: name },
      ],
      conditions: nodeConditions(nowIso),
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      images: IMAGES,
    },
  };
  return node;
}

/** As a kubelet writes them every five minutes, whether or not anything changed. */
export function nodeConditions(nowIso: string): readonly object[] {
  return ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map((type) => ({
    type,
    status: type === "Ready" ? "True" : "False",
    reason: type === "Ready" ? "KubeletReady" : `KubeletHasNo${type}`,
    message: type === "Ready" ? "kubelet is posting ready status" : `kubelet has no ${type}`,
    lastHeartbeatTime: nowIso,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }));
}

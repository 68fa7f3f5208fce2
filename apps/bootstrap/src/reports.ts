import {
  ramText,
  type AutopilotStatus,
  type KubernetesState,
  type ClusterStatus,
  type MemberHealth,
  type MemberList,
  type MemberListEntry,
  type MeshStatus,
  type NodeStatus,
} from "@cluster-os/api";
import { describeDiagnostic, type NodeProtocolStatus } from "@cluster-os/formation";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { KubernetesStatus } from "@cluster-os/kubernetes";
import type { Member } from "@cluster-os/membership";
import type { DeviceState } from "@cluster-os/mesh";
import { equalBytes, type Instant } from "@cluster-os/std";
import { describeAction, type AutopilotView } from "./server/autopilot.ts";
import type { Step } from "./steps.ts";
import type { ClockWatch } from "./time/clock-watch.ts";
import type { View } from "./view.ts";

/** How a member's status is called outside: the mission's word for alive is healthy. */
export function healthOf(status: Member["status"]): MemberHealth {
  return status === "alive" ? "healthy" : status;
}

/** `cluster-os members -o json`. Of who was revoked the members forget all but that. */
export function memberList(view: Pick<View, "members" | "revoked">): MemberList {
  const admitted = view.members().map(({ member }): MemberListEntry => ({
    name: member.name,
    node_id: member.nodeId,
    roles: member.description?.roles ?? [],
    capabilities: {
      cpu: member.description?.capabilities.cpu ?? 0,
      ram: ramText(member.description?.capabilities.memoryBytes ?? 0),
      gpu: (member.description?.capabilities.gpus ?? 0) > 0,
    },
    status: healthOf(member.status),
  }));
  const removed = view.revoked().map((nodeId): MemberListEntry => ({
    name: nodeName(nodeId),
    node_id: nodeId,
    roles: [],
    capabilities: { cpu: 0, ram: ramText(0), gpu: false },
    status: "removed",
  }));
  return [...admitted, ...removed];
}

/**
 * Who serves, by etcd's own list where this machine can ask it, and by the members' word where it cannot. A machine that is to
 * serve no more has its vote until etcd has taken it away, and is told of until then.
 */
export function controlPlaneStatus(
  view: Pick<View, "members" | "isServer">,
  kubernetes: Pick<KubernetesStatus, "etcdMembers" | "leader"> | undefined,
  autopilot: AutopilotStatus | undefined,
): ClusterStatus["controlPlane"] {
  const placed = view.members();
  const servers = placed.filter(({ member }) => view.isServer(member.nodeId));
  const byName = new Map(placed.map((one) => [one.member.name, one]));
  const isWell = (name: string): boolean => {
    const member = byName.get(name)?.member;
    return member?.status === "alive" && member.description?.kubernetes.state === "ready";
  };
  const known = servers
    .filter(({ member }) => ["starting", "ready"].includes(member.description?.kubernetes.state ?? ""))
    .map(({ member }) => ({ name: member.name, isLearner: false, healthy: true }));
  const members = kubernetes?.etcdMembers ?? [];
  const etcd = members.length > 0 ? members : known;
  const entries = etcd.flatMap(({ name, isLearner, healthy }) => {
    const index = byName.get(name)?.index;
    return index === undefined
      ? []
      : [{ isLearner, entry: { index, name, healthy: healthy && isWell(name) } }];
  });
  const sorted = entries.sort((left, right) => left.entry.index - right.entry.index);
  return {
    voters: sorted.filter(({ isLearner }) => !isLearner).map(({ entry }) => entry),
    learners: sorted.filter(({ isLearner }) => isLearner).map(({ entry }) => entry),
    ...(kubernetes?.leader !== undefined && { leader: kubernetes.leader }),
    ...(autopilot && { autopilot }),
  };
}

/** What autopilot last saw, for people and programs. */
export function autopilotStatus(view: AutopilotView | undefined, now: Instant): AutopilotStatus | undefined {
  if (!view) return undefined;
  const { epoch, servers, plan, isLeader, pause } = view;
  return {
    epoch,
    servers: servers.map(nodeName),
    wanted: plan.wanted,
    action: describeAction(plan.action),
    reason: plan.reason,
    ...(plan.waitUntil !== undefined && { waitMs: Math.max(0, Math.round(plan.waitUntil - now)) }),
    ...(pause !== undefined && { pause }),
    isLeader,
    ...(plan.held !== undefined && { held: nodeName(plan.held) }),
  };
}

/** `cluster-os status -o json`. */
export function clusterStatus(
  view: View,
  clusterId: string | undefined,
  kubernetes: KubernetesStatus,
  autopilot: AutopilotStatus | undefined,
): ClusterStatus {
  return {
    ...(clusterId !== undefined && { clusterId }),
    nodes: view.members().map(({ member, index, meshAddress }) => ({
      index,
      name: member.name,
      nodeId: member.nodeId,
      address: meshAddress,
      roles: member.description?.roles ?? [],
      status: healthOf(member.status),
    })),
    controlPlane: controlPlaneStatus(view, kubernetes, autopilot),
  };
}

type MeshFacts = Pick<MeshStatus, "network" | "implementation"> & { readonly device: DeviceState };

/** The mesh interface as it is, with its peers under their node names. */
export function meshStatus(
  view: View,
  self: NodeId,
  { device, network, implementation }: MeshFacts,
): MeshStatus {
  const peers = view.members().flatMap(({ member, meshAddress }) => {
    const key = member.description?.wireguardKey;
    if (member.nodeId === self || !key) return [];
    const peer = device.peers.find(({ publicKey }) => equalBytes(publicKey, key));
    if (!peer) return [];
    const { endpoint, latestHandshakeMs, rxBytes, txBytes } = peer;
    return [
      {
        name: member.name,
        address: meshAddress,
        isAlive: member.status === "alive",
        ...(endpoint !== undefined && { endpoint }),
        ...(latestHandshakeMs !== undefined && { lastHandshakeMs: latestHandshakeMs }),
        rxBytes,
        txBytes,
      },
    ];
  });
  return { interface: device.name, network, implementation, peers };
}

export interface NodeReportInput {
  readonly protocol: NodeProtocolStatus;
  readonly view: View;
  readonly version: string;
  readonly label: string | undefined;
  readonly underlayAddresses: readonly string[];
  /** Names of the interfaces on which it looks for others. */
  readonly interfaces: readonly string[];
  readonly kubernetesState: KubernetesState;
  /** Undefined before there is anything of Kubernetes here. */
  readonly kubernetes: KubernetesStatus | undefined;
  /** What this machine is in Kubernetes, or is to be. */
  readonly kubernetesRole: "server" | "worker";
  /** Undefined on who is no ready server. */
  readonly autopilot: AutopilotStatus | undefined;
  /** Undefined before the mesh is up. */
  readonly mesh: (Pick<MeshStatus, "implementation"> & { readonly device: DeviceState }) | undefined;
  /** Why the mesh cannot be looked at, if it is to be there and is not. */
  readonly meshError: string | undefined;
  readonly steps: readonly Step[];
  readonly clocks: Pick<ClockWatch, "offsets" | "isAwaited">;
  readonly counters: Readonly<Record<string, number>>;
  /** Why the firewall is not in place, if it shall be and is not. */
  readonly firewallError: string | undefined;
  /** What it waits for before it leaves; undefined unless it is about to. */
  readonly leaving: string | undefined;
  /** Why the state is not on disk; undefined while it is. */
  readonly stateError: string | undefined;
  /** How many times slower than usual the machines are. */
  readonly patience: number;
}

const CLOCK_PROBLEM = {
  kind: "clock-skew",
  message:
    "this machine's clock is far from the servers', so certificates would not be valid; it waits for chrony to set it. If it stays so, see `chronyc sources`.",
};

function stateProblem(error: string) {
  const message = `the state cannot be written, so this machine is silent: ${error}. It is tried again; make room on the disk of /var/lib/cluster-os.`;
  return { kind: "state-unwritable", message };
}

function discoveryOf(protocol: NodeProtocolStatus, interfaces: readonly string[]): NodeStatus["discovery"] {
  const { stage, candidateCount, expect, discovery } = protocol;
  return {
    ...(stage !== undefined && { stage }),
    interfaces: [...interfaces],
    candidates: candidateCount,
    ...(expect !== undefined && { expect }),
    ...discovery,
    ...(discovery.silentForMs !== undefined && { silentForMs: Math.round(discovery.silentForMs) }),
  };
}

/** `GET /v1/status`: this machine. */
export function nodeReport(input: NodeReportInput): NodeStatus {
  const { protocol, view, mesh } = input;
  const { epoch } = view.epoch;
  const role = view.selfIndex === undefined ? undefined : input.kubernetesRole;
  const count = (status: Member["status"]): number =>
    view.members().filter(({ member }) => member.status === status).length;
  return {
    name: nodeName(protocol.nodeId),
    nodeId: protocol.nodeId,
    ...(input.label !== undefined && { label: input.label }),
    version: input.version,
    lifecycle: protocol.lifecycle,
    ...(protocol.clusterId !== undefined && { clusterId: protocol.clusterId }),
    ...(protocol.index !== undefined && { index: protocol.index }),
    ...(role !== undefined && { role }),
    roles: role === undefined ? [] : [role],
    ...(view.selfAddress !== undefined && { address: view.selfAddress }),
    underlayAddresses: [...input.underlayAddresses],
    discovery: discoveryOf(protocol, input.interfaces),
    epoch,
    kubernetes: { state: input.kubernetesState, epoch },
    members: {
      alive: count("alive"),
      suspect: count("suspect"),
      failed: count("failed"),
      left: count("left"),
    },
    controlPlane: controlPlaneStatus(view, input.kubernetes, input.autopilot),
    ...(mesh &&
      view.addressPlan && {
        mesh: meshStatus(view, protocol.nodeId, { ...mesh, network: view.addressPlan.mesh }),
      }),
    problems: [
      ...protocol.diagnostics.map((diagnostic) => ({
        kind: diagnostic.kind,
        message: describeDiagnostic(diagnostic),
      })),
      ...(input.clocks.isAwaited ? [CLOCK_PROBLEM] : []),
      ...(input.meshError === undefined
        ? []
        : [{ kind: "mesh-down", message: `the mesh is not there: ${input.meshError}` }]),
      ...(input.firewallError === undefined
        ? []
        : [{ kind: "firewall-failed", message: `the firewall is not in place: ${input.firewallError}` }]),
      ...(input.stateError === undefined ? [] : [stateProblem(input.stateError)]),
    ],
    clockOffsets: [...input.clocks.offsets],
    ...(input.leaving !== undefined && { leaving: input.leaving }),
    ...(input.patience !== 1 && { patience: input.patience }),
    steps: input.steps.map(({ name, atMs }) => ({ name, atMs })),
    counters: { ...input.counters },
  };
}

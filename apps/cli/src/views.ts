import type { AutopilotStatus, ClusterStatus, MemberList, MeshStatus } from "@cluster-os/api";
import { renderTable } from "./output/table.ts";
import type { Observation } from "./site.ts";

/** A machine, what it is, and the node name it had if it does not answer. */
export interface Seen extends Observation {
  readonly lastName: string | undefined;
}

export interface StatusOptions {
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** How the reader calls this program. */
  readonly program: string;
}

/** `cluster-os status` for people. */
export function renderStatus(
  seen: readonly Seen[],
  cluster: ClusterStatus | undefined,
  { nowMs, program }: StatusOptions,
): string {
  const witness = seen.find(({ status }) => status?.mesh !== undefined)?.status;
  const sections = [
    renderHead(cluster),
    renderMachines(seen, cluster),
    renderAutopilot(cluster?.controlPlane.autopilot),
    witness?.mesh === undefined ? "" : renderMesh(witness.name, witness.mesh, nowMs),
    renderFindings(seen, cluster, program),
  ];
  return sections.filter((section) => section !== "").join("\n");
}

/** `cluster-os members` for people. */
export function renderMembers(members: MemberList): string {
  return renderTable(
    ["NAME", "ROLES", "CPU", "RAM", "GPU", "STATUS", "NODE ID"],
    members.map(({ name, roles, capabilities: { cpu, ram, gpu }, status, node_id }) => [
      name,
      roles.join(","),
      String(cpu),
      ram,
      gpu ? "yes" : "no",
      status,
      node_id,
    ]),
  );
}

const IMPLEMENTATIONS: Readonly<Record<MeshStatus["implementation"], string>> = {
  kernel: "WireGuard in the kernel",
  userspace: "WireGuard in a program",
};

/** The mesh's peers as a node sees them, with the age of their handshakes. */
export function renderMesh(witness: string, mesh: MeshStatus, nowMs: number): string {
  const title = `Mesh as ${witness} sees it (${IMPLEMENTATIONS[mesh.implementation]}):\n`;
  const table = renderTable(
    ["PEER", "ADDRESS", "ENDPOINT", "HANDSHAKE", "RECEIVED", "SENT"],
    mesh.peers.map(({ name, address, endpoint, lastHandshakeMs, rxBytes, txBytes }) => [
      name,
      address,
      endpoint ?? "",
      lastHandshakeMs === undefined ? "never" : `${age(nowMs - lastHandshakeMs)} ago`,
      size(rxBytes),
      size(txBytes),
    ]),
  );
  return title + table;
}

function renderHead(cluster: ClusterStatus | undefined): string {
  if (cluster?.clusterId === undefined) return "No cluster yet.\n";
  const { voters, leader } = cluster.controlPlane;
  const healthy = voters.filter((voter) => voter.healthy).length;
  const led = leader === undefined ? "no leader known" : `led by ${leader}`;
  const nodes = `${cluster.nodes.length} ${cluster.nodes.length === 1 ? "node" : "nodes"}`;
  return `Cluster ${cluster.clusterId}: ${nodes}, ${healthy} of ${voters.length} voters healthy, ${led}\n`;
}

/** What becomes of the control plane next, and why nothing does. */
export function renderAutopilot(autopilot: AutopilotStatus | undefined): string {
  if (autopilot === undefined) return "";
  const { epoch, action, reason, waitMs, wanted } = autopilot;
  const wait = waitMs === undefined ? "" : ` (${age(waitMs)} more)`;
  const act = action === "nothing" ? "" : `${action}: `;
  return `Autopilot (roles of epoch ${epoch}, ${wanted} ${wanted === 1 ? "voter" : "voters"} wanted): ${act}${reason}${wait}\n`;
}

/** Machines with their nodes, then nodes that no machine here is. */
function renderMachines(seen: readonly Seen[], cluster: ClusterStatus | undefined): string {
  const nodes = cluster?.nodes ?? [];
  const rowOf = (machine: string, name: string | undefined, one: Seen | undefined): readonly string[] => {
    const node = nodes.find((other) => other.name === name);
    return [
      machine,
      name ?? "",
      node === undefined ? "" : String(node.index),
      node?.roles.join(",") ?? one?.status?.roles.join(",") ?? "",
      node?.address ?? "",
      one !== undefined && !one.isRunning ? "off" : (node?.status ?? ""),
      one?.status?.kubernetes.state ?? "",
      one?.status?.lifecycle ?? "",
    ];
  };
  const names = seen.map(({ status, lastName }) => status?.name ?? lastName);
  const rows = [
    ...seen.map((one, index) => rowOf(one.machine, names[index], one)),
    ...nodes.filter(({ name }) => !names.includes(name)).map(({ name }) => rowOf("", name, undefined)),
  ];
  return renderTable(["MACHINE", "NODE", "INDEX", "ROLES", "ADDRESS", "STATUS", "KUBERNETES", "STAGE"], rows);
}

/** What is not as it should be, a sentence each. */
function renderFindings(seen: readonly Seen[], cluster: ClusterStatus | undefined, program: string): string {
  const left = new Set(cluster?.nodes.flatMap(({ name, status }) => (status === "left" ? [name] : [])));
  const isOut = ({ lastName }: Seen): boolean => lastName !== undefined && left.has(lastName);
  const findings = [
    ...seen.flatMap((one) =>
      isOut(one) ? describeDeparture(one, program) : describeMachineTrouble(one, program),
    ),
    ...(cluster === undefined ? [] : describeLostNodes(seen, cluster)),
    ...(cluster === undefined ? [] : describeQuorum(cluster)),
  ];
  return findings.length === 0
    ? ""
    : `What happened:\n${findings.map((finding) => `  ${finding}\n`).join("")}`;
}

function describeMachineTrouble(
  { machine, isRunning, status, silence, lastName }: Seen,
  program: string,
): readonly string[] {
  const called = lastName === undefined ? machine : `${machine} (${lastName})`;
  if (!isRunning) return [`${called} is off; start it: ${program} start ${machine}`];
  if (status === undefined) return [`${called} does not answer: ${silence ?? "no reason given"}`];
  return status.problems.map(({ message }) => `${machine} (${status.name}): ${message}`);
}

/** Of a machine that is out because somebody wanted it so. */
function describeDeparture({ machine, lastName }: Seen, program: string): readonly string[] {
  return [`${machine} (${lastName}) has left the cluster; bring it back: ${program} join ${machine}`];
}

function describeLostNodes(seen: readonly Seen[], { nodes }: ClusterStatus): readonly string[] {
  const off = new Set(seen.filter(({ isRunning }) => !isRunning).map(({ lastName }) => lastName));
  return nodes
    .filter(({ status }) => status !== "healthy" && status !== "left")
    .map(({ name, status }) => {
      const known = off.has(name) ? ", as is to be expected of a machine that is off" : "";
      return `the others see ${name} as ${status}${known}`;
    });
}

function describeQuorum({ controlPlane: { voters } }: ClusterStatus): readonly string[] {
  const healthy = voters.filter((voter) => voter.healthy).length;
  if (voters.length === 0 || healthy === voters.length) return [];
  const majority = Math.floor(voters.length / 2) + 1;
  const spare = healthy - majority;
  if (spare < 0) {
    return [
      `only ${healthy} of ${voters.length} voters are healthy and ${majority} are needed: the API takes no writes`,
    ];
  }
  const more = spare === 0 ? "the loss of one more would stop it" : `it can lose ${spare} more`;
  return [`${healthy} of ${voters.length} voters are healthy: the API takes writes; ${more}`];
}

/** A duration for people: its largest unit. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** An amount of bytes for people. */
function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${Math.round(bytes / 1024)} KiB`;
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

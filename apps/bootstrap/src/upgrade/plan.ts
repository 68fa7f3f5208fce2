import type { NodeId } from "@cluster-os/identity";
import { compareVersions, type UpgradePart } from "@cluster-os/kubernetes";

/** A machine of the cluster, as the leader's plan looks at it. */
export interface UpgradeNode {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly role: "server" | "worker";
  /** Its index. Lower ones have their turn first. */
  readonly rank: number;
  /** What its kubelet says that it runs; empty if it never said anything. */
  readonly version: string;
  /** Whether it said that it has the package that brings the wanted version. */
  readonly hasPackage: boolean;
  /** Whether it said that its control plane is of the wanted version, or that it has none. */
  readonly hasControlPlane: boolean;
  /** Whether Kubernetes says that it is well. */
  readonly isReady: boolean;
  /** Not held dead: whom others only suspect goes on with what it does. */
  readonly isAlive: boolean;
}

/** What the cluster is to run, and how far that is: as it stands in etcd. */
export interface UpgradeWish {
  /** For example "v1.35.4". */
  readonly version: string;
  /** Name of the machine whose turn it is. */
  readonly machine?: string | undefined;
  /** What of it has begun. */
  readonly part?: UpgradePart | undefined;
  /** Why it stopped: until a person asks again. */
  readonly problem?: string | undefined;
}

export interface UpgradeObserved {
  readonly wish: UpgradeWish | undefined;
  readonly nodes: readonly UpgradeNode[];
  /** The server that plans. */
  readonly self: NodeId;
  /** What is amiss with etcd or an API server; undefined while all are well. */
  readonly unwell: string | undefined;
  /** Why people want nothing of the control plane changed. */
  readonly pause: string | undefined;
}

export type UpgradeStep =
  | { readonly kind: "none" }
  /** Changes nothing that runs, so several machines may at once. */
  | { readonly kind: "install"; readonly nodes: readonly UpgradeNode[] }
  | { readonly kind: "order"; readonly node: UpgradeNode; readonly part: UpgradePart }
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "stopped"; readonly reason: string }
  /** Whoever is away has its turn when it is back. */
  | { readonly kind: "done"; readonly away: readonly string[] };

type IsDue = (node: UpgradeNode) => boolean;

/** So many fetch the package at the same time. */
const INSTALLING = 4;

/**
 * Pure: the one next step of bringing all machines to a version. First all have the package, since pods of the new version come
 * to machines whose turn is yet to come. Then one machine at a time: the control planes of all servers, because no kubelet may be
 * newer than any API server, then the kubelets; and none while anything else is amiss: what went wrong with one is not done to the
 * next.
 */
export function planUpgrade({ wish, nodes, self, unwell, pause }: UpgradeObserved): UpgradeStep {
  if (!wish) return { kind: "none" };
  if (wish.problem !== undefined) return { kind: "stopped", reason: wish.problem };
  const isDue: IsDue = ({ version }) => compareVersions(version, wish.version) < 0;
  const halfWay = nodes.find((node) => isDue(node) && isHalfWay(node, wish));
  // It has begun, so it goes on before anything else: what is amiss may be just that.
  if (halfWay && wish.part !== undefined)
    return halfWay.isAlive
      ? { kind: "order", node: halfWay, part: wish.part }
      : { kind: "wait", reason: `${halfWay.name}, whose turn it is, is away` };
  const without = nodes.filter((node) => isDue(node) && node.isAlive && !node.hasPackage);
  if (without.length > 0) return { kind: "install", nodes: without.slice(0, INSTALLING) };
  const partOf = (node: UpgradeNode): UpgradePart => (node.hasControlPlane ? "kubelet" : "control-plane");
  const due = nodes.filter(isDue);
  const [next] = due.filter(({ isAlive }) => isAlive).sort((left, right) => compareTurns(left, right, self));
  const amiss = unwell ?? unready(nodes, next, isDue);
  if (!next) {
    if (amiss !== undefined) return { kind: "wait", reason: amiss };
    return { kind: "done", away: due.map(({ name }) => name) };
  }
  if (pause !== undefined) return { kind: "wait", reason: `autopilot is paused: ${pause}` };
  if (amiss !== undefined) return { kind: "wait", reason: amiss };
  const away = due.find(({ isAlive, role }) => role === "server" && !isAlive);
  if (away) return { kind: "wait", reason: `${away.name}, a control-plane server, is away` };
  return { kind: "order", node: next, part: partOf(next) };
}

/** Whose part has begun and is not known to be through. A server is waited for; a worker that is away keeps nobody from anything. */
function isHalfWay(
  { name, role, isAlive, hasControlPlane }: UpgradeNode,
  { machine, part }: UpgradeWish,
): boolean {
  const isThrough = part === undefined || (part === "control-plane" && hasControlPlane);
  return name === machine && !isThrough && (isAlive || role === "server");
}

/**
 * Control planes first; of the servers the one that leads is the last, since it has to hand that over. Then workers: those first
 * that are not Ready, because who went away half-way lost its turn, and is not well until it has another one. Then by index.
 */
export function compareTurns(left: UpgradeNode, right: UpgradeNode, self: NodeId): number {
  const place = ({ role, nodeId, isReady, hasControlPlane }: UpgradeNode): number =>
    role === "worker" ? (isReady ? 5 : 4) : (hasControlPlane ? 2 : 0) + (nodeId === self ? 1 : 0);
  return place(left) - place(right) || left.rank - right.rank;
}

/** Who is not Ready for want of its own turn, as a worker may be that went away half-way, keeps no other worker from its turn. */
function unready(
  nodes: readonly UpgradeNode[],
  next: UpgradeNode | undefined,
  isDue: IsDue,
): string | undefined {
  const waitsItself = (node: UpgradeNode): boolean =>
    next?.role === "worker" && node.role === "worker" && isDue(node);
  const node = nodes.find((one) => one.isAlive && !one.isReady && !waitsItself(one));
  return node && `${node.name} is not Ready in Kubernetes`;
}

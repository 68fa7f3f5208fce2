import type { NodeId } from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import fc from "fast-check";
import {
  planUpgrade,
  type UpgradeNode,
  type UpgradeObserved,
  type UpgradeStep,
} from "../../src/upgrade/plan.ts";

const OLD = "v1.34.4";
const NEW = "v1.35.4";

function nodeAt(rank: number, change: Partial<UpgradeNode> = {}): UpgradeNode {
  const role = rank <= 3 ? ("server" as const) : ("worker" as const);
  const nodeId = `ed25519:${rank}` as NodeId;
  // Of a server it is what an upgrade begins with, unless a test says otherwise.
  const said = { hasPackage: true, hasControlPlane: role === "worker" };
  const node = { nodeId, name: `n-${rank}`, rank, role, version: OLD, isReady: true, isAlive: true, ...said };
  return { ...node, ...change };
}

function observed(nodes: readonly UpgradeNode[], change: Partial<UpgradeObserved> = {}): UpgradeObserved {
  const self = nodeAt(1).nodeId;
  return { wish: { version: NEW }, nodes, self, unwell: undefined, pause: undefined, ...change };
}

function inWords(step: UpgradeStep): string {
  switch (step.kind) {
    case "install":
      return `install ${step.nodes.map(({ name }) => name).join(" ")}`;
    case "order":
      return `${step.part} of ${step.node.name}`;
    case "wait":
    case "stopped":
      return `${step.kind}: ${step.reason}`;
    case "done":
      return step.away.length === 0 ? "done" : `done without ${step.away.join(" ")}`;
    case "none":
      return "none";
    default:
      return step satisfies never;
  }
}

/** A server whose control plane is through. */
const half = (rank: number, change: Partial<UpgradeNode> = {}): UpgradeNode =>
  nodeAt(rank, { hasControlPlane: true, ...change });
/** A machine that is through. */
const whole = (rank: number, change: Partial<UpgradeNode> = {}): UpgradeNode =>
  half(rank, { version: NEW, ...change });

describe("the next step of an upgrade", () => {
  const five = [5, 4, 3, 2, 1].map((rank) => nodeAt(rank));
  const but = (...changes: readonly UpgradeNode[]): readonly UpgradeNode[] =>
    five.map((node) => changes.find(({ rank }) => rank === node.rank) ?? node);
  const through = (...ranks: readonly number[]): readonly UpgradeNode[] =>
    but(...ranks.map((rank) => whole(rank)));
  const halves = (...ranks: readonly number[]): readonly UpgradeNode[] =>
    but(...ranks.map((rank) => half(rank)));
  const turn = (machine: string, part: "control-plane" | "kubelet" = "control-plane") => ({
    wish: { version: NEW, machine, part },
  });
  const table: readonly (readonly [string, UpgradeObserved, string])[] = [
    ["nobody asked", observed(five, { wish: undefined }), "none"],
    [
      "who is half-way goes on before anybody gets the package, though it is not Ready for just that",
      observed(but(nodeAt(2, { isReady: false }), nodeAt(5, { hasPackage: false })), {
        ...turn("n-2"),
        unwell: "the API server of n-2 does not answer",
      }),
      "control-plane of n-2",
    ],
    [
      "a server that is half-way with its kubelet does not begin anew where nobody knows of its control plane",
      observed(but(nodeAt(2, { isReady: false })), turn("n-2", "kubelet")),
      "kubelet of n-2",
    ],
    [
      "the package first, on some machines at a time, and on those that are here",
      observed(
        [1, 2, 3, 4, 5, 6, 7].map((rank) => nodeAt(rank, { hasPackage: rank === 1, isAlive: rank !== 3 })),
      ),
      "install n-2 n-4 n-5 n-6",
    ],
    [
      "the package whatever else is amiss",
      observed(but(nodeAt(5, { hasPackage: false })), { unwell: "etcd does not answer", pause: "by hand" }),
      "install n-5",
    ],
    [
      "control planes first, and the one that leads is not the first of them",
      observed(five),
      "control-plane of n-2",
    ],
    ["the next control plane", observed(halves(2)), "control-plane of n-3"],
    ["that of the server that leads is the last", observed(halves(2, 3)), "control-plane of n-1"],
    ["kubelets when no control plane is older", observed(halves(1, 2, 3)), "kubelet of n-2"],
    ["of workers after those of servers", observed(through(1, 2, 3)), "kubelet of n-4"],
    ["all through", observed(through(1, 2, 3, 4, 5)), "done"],
    [
      "what is newer stays",
      observed(through(1, 2, 3, 4, 5).map((node) => ({ ...node, version: "v1.36.0" }))),
      "done",
    ],
    [
      "a worker that is away comes later",
      observed(but(whole(1), whole(2), whole(3), whole(4), nodeAt(5, { isAlive: false }))),
      "done without n-5",
    ],
    [
      "no kubelet while a server is away that is older",
      observed(but(half(1), half(2), nodeAt(3, { isAlive: false }))),
      "wait: n-3, a control-plane server, is away",
    ],
    [
      "nothing begins while etcd is not well",
      observed(five, { unwell: "etcd does not answer" }),
      "wait: etcd does not answer",
    ],
    [
      "what has begun goes on",
      observed(five, { ...turn("n-3"), unwell: "etcd does not answer", pause: "by hand" }),
      "control-plane of n-3",
    ],
    [
      "what begins next on the same machine has to wait again",
      observed(halves(1, 2, 3), { ...turn("n-2"), unwell: "etcd does not answer" }),
      "wait: etcd does not answer",
    ],
    [
      "a server that has begun is waited for",
      observed(but(nodeAt(3, { isAlive: false })), turn("n-3")),
      "wait: n-3, whose turn it is, is away",
    ],
    [
      "a worker that has begun is not",
      observed(but(whole(1), whole(2), whole(3), nodeAt(4, { isAlive: false })), turn("n-4", "kubelet")),
      "kubelet of n-5",
    ],
    [
      "the next one waits until the last one is well",
      observed(but(half(2, { isReady: false })), turn("n-2")),
      "wait: n-2 is not Ready in Kubernetes",
    ],
    [
      "it is not done before all are well",
      observed(through(1, 2, 3, 4, 5).map((node) => ({ ...node, isReady: node.rank !== 5 }))),
      "wait: n-5 is not Ready in Kubernetes",
    ],
    [
      "workers that went away half-way come first when they are back",
      observed(but(whole(1), whole(2), whole(3), nodeAt(5, { isReady: false })), turn("n-3", "kubelet")),
      "kubelet of n-5",
    ],
    ["paused", observed(five, { pause: "by hand" }), "wait: autopilot is paused: by hand"],
    [
      "stopped",
      observed(five, { wish: { version: NEW, problem: "n-2: no space" } }),
      "stopped: n-2: no space",
    ],
  ];
  for (const [name, given, expected] of table)
    it(name, () => expect(inWords(planUpgrade(given))).to.equal(expected));
});

/** A cluster in which machines go away and come back, leaders change, and an upgrade takes some steps, all by chance. */
class Cluster {
  readonly nodes: UpgradeNode[];
  readonly faults: string[] = [];
  #turn: { readonly machine: string; readonly part: "control-plane" | "kubelet" } | undefined;
  #work = 0;
  readonly #rng;

  constructor(size: number, seed: number) {
    this.nodes = Array.from({ length: size }, (_, at) => nodeAt(at + 1, { hasPackage: false }));
    this.#rng = seededRng(seed);
  }

  get step(): UpgradeStep {
    const servers = this.nodes.filter(({ role, isAlive }) => role === "server" && isAlive);
    const leader = servers[Math.floor(this.#rng.fraction() * servers.length)] ?? this.nodes[0]!;
    const sick = this.nodes.find(({ role, isAlive, isReady }) => role === "server" && !(isAlive && isReady));
    return planUpgrade({
      wish: { version: NEW, ...this.#turn },
      nodes: this.nodes,
      self: leader.nodeId,
      unwell: sick && `${sick.name} is unwell`,
      pause: undefined,
    });
  }

  run(trouble: number): void {
    for (const [at, node] of this.nodes.entries()) {
      if (this.#rng.fraction() < trouble) this.nodes[at] = { ...node, isAlive: !node.isAlive };
      else if (trouble === 0) this.nodes[at] = { ...node, isAlive: true };
    }
    const { step } = this;
    if (step.kind === "install")
      for (const node of step.nodes) this.nodes[node.rank - 1] = { ...node, hasPackage: true };
    if (step.kind === "order") this.#obey(step.node, step.part);
  }

  #obey(node: UpgradeNode, part: "control-plane" | "kubelet"): void {
    if (node.name !== this.#turn?.machine || part !== this.#turn.part) this.#begin(node, part);
    this.#work += 1;
    const isThrough = this.#work > 3;
    this.nodes[node.rank - 1] = {
      ...node,
      isReady: isThrough,
      ...(isThrough && (part === "kubelet" ? { version: NEW } : { hasControlPlane: true })),
    };
  }

  #begin(node: UpgradeNode, part: "control-plane" | "kubelet"): void {
    const others = this.nodes.filter(({ name }) => name !== node.name);
    const servers = this.nodes.filter(({ role }) => role === "server");
    const isHalf = ({ role, version }: UpgradeNode): boolean => role === "worker" && version === OLD;
    if (others.some((one) => one.isAlive && !one.isReady && !isHalf(one)))
      this.faults.push(`${node.name} began beside one that is sick`);
    if (node.role === "server" && servers.some(({ isAlive }) => !isAlive))
      this.faults.push(`${node.name} began without a server`);
    if (part === "kubelet" && servers.some(({ hasControlPlane }) => !hasControlPlane))
      this.faults.push(`the kubelet of ${node.name} began before a control plane`);
    if (this.nodes.some(({ isAlive, hasPackage }) => isAlive && !hasPackage))
      this.faults.push(`${node.name} began before all had the package`);
    this.#turn = { machine: node.name, part };
    this.#work = 0;
  }
}

describe("an upgrade", () => {
  it("never takes a second server away, never puts a kubelet before a control plane, and gets through when all are back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 8 }), fc.integer(), (size, seed) => {
        const cluster = new Cluster(size, seed);
        for (let round = 0; round < 80; round++) cluster.run(0.05);
        for (let round = 0; round < 20 * size; round++) cluster.run(0);
        expect(cluster.faults).to.deep.equal([]);
        expect(inWords(cluster.step)).to.equal("done");
        expect(cluster.nodes.map(({ version }) => version)).to.deep.equal(cluster.nodes.map(() => NEW));
      }),
      { numRuns: 300 },
    );
  });
});

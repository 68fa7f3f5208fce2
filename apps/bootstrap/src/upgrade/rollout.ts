import { isDeepStrictEqual } from "node:util";
import type { AuditEvent } from "@cluster-os/admission";
import type { UpgradeOrder, UpgradeProgress, UpgradeReport } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import { compareVersions } from "@cluster-os/kubernetes";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { compareTurns, planUpgrade, type UpgradeNode, type UpgradeStep } from "./plan.ts";
import type { StoredWish, Told, WishObject } from "./wish-object.ts";

/** A kubelet that was started says within this time that it runs, in milliseconds. */
const KUBELET_MS = 180_000;

export interface RolloutOptions {
  readonly self: NodeId;
  readonly nodes: () => Promise<readonly ClusterNode[]>;
  /** What is amiss with etcd or an API server; undefined while all are well. */
  readonly unwell: (signal: AbortSignal) => Promise<string | undefined>;
  readonly pause: () => string | undefined;
  /** Has a machine go on with an upgrade, and gives how far it is. */
  readonly order: (to: UpgradeNode, order: UpgradeOrder, signal: AbortSignal) => Promise<UpgradeProgress>;
  /** Puts something into the audit log, if that can be written; again is the same. */
  readonly record: (event: AuditEvent) => Promise<void>;
  /** How many times slower than usual machines are. */
  readonly patience: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A machine as the cluster knows it. */
export type ClusterNode = Omit<UpgradeNode, "hasPackage" | "hasControlPlane">;

type Store = Pick<WishObject, "read" | "note">;

interface Order {
  readonly node: UpgradeNode;
  readonly part: UpgradeOrder["part"];
  readonly nodes: readonly UpgradeNode[];
}

/** Brings the machines of a cluster to a version of Kubernetes, one after the other: on the server that leads. */
export class Rollout {
  readonly #options: RolloutOptions;
  /** What machines said of themselves, for the package of this SHA-256. Asked again they say it again, so it need not last. */
  #said = nothingSaid("");
  #told: string | undefined;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** One look, and one order. What has to be known by whoever leads next is in the object. */
  async round(store: Store, signal: AbortSignal): Promise<void> {
    const wish = await store.read();
    if (!wish) return;
    if (this.#said.sha256 !== wish.sha256) this.#said = nothingSaid(wish.sha256);
    const { step, nodes } = await this.#plan(wish, signal);
    this.#tell(wish, step);
    await this.#recordWhoIsThrough(wish, nodes);
    const turn = step.kind === "order" ? { machine: step.node.name, part: step.part } : {};
    const noted = { ...wish, ...turn, told: wordsOf(step) };
    // Before anything begins, so that another leader goes on with this machine and with no other.
    if (!isDeepStrictEqual(noted, wish) && !(await store.note(noted))) return;
    if (step.kind === "install") return this.#install(store, noted, step.nodes, nodes, signal);
    if (step.kind !== "order") return;
    const { node, part } = step;
    await this.#order(store, noted, { node, part, nodes }, signal);
  }

  /** For people: how far it is. */
  async report(wish: StoredWish | undefined, signal: AbortSignal): Promise<UpgradeReport> {
    const { step, nodes } = await this.#plan(wish, signal);
    const { self } = this.#options;
    const inTurn = [...nodes].sort((left, right) => compareTurns(left, right, self));
    return {
      ...(wish && { wanted: wish.version, ...(wish.machine !== undefined && { machine: wish.machine }) }),
      ...toldOf(wish, step),
      nodes: inTurn.map(({ name, role, version, isReady, isAlive }) => ({
        name,
        role,
        version,
        isReady,
        isAway: !isAlive,
      })),
    };
  }

  async #plan(wish: StoredWish | undefined, signal: AbortSignal) {
    const { self, unwell, pause } = this.#options;
    const nodes = (await this.#options.nodes()).map((node) => ({
      ...node,
      hasPackage: this.#said.packages.has(node.name),
      hasControlPlane: node.role === "worker" || this.#said.controlPlanes.has(node.name),
    }));
    return { nodes, step: planUpgrade({ wish, nodes, self, unwell: await unwell(signal), pause: pause() }) };
  }

  async #install(
    store: Store,
    wish: StoredWish,
    without: readonly UpgradeNode[],
    nodes: readonly UpgradeNode[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const node of without) {
      const isThrough = await this.#order(store, wish, { node, part: "package", nodes }, signal);
      if (isThrough === undefined) return;
    }
  }

  /** Whether it is through, as far as is known; undefined if it failed, so that everything stops. */
  async #order(
    store: Store,
    wish: StoredWish,
    { node, part, nodes }: Order,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const { version, sha256, ask, from } = wish;
    const having = nodes.filter((one) => one.isAlive && one.hasPackage).map(({ name }) => name);
    const order = { version, sha256, ask, part, holders: [...new Set([from, ...having])] };
    const answer = await this.#options.order(node, order, signal).catch((error: unknown) => {
      // It restarts, or its power is gone: the plan waits for it.
      this.#options.logger.debug("no word of an upgrade", { node: node.name, reason: describeError(error) });
      return undefined;
    });
    if (!answer) return false;
    const problem =
      answer.state === "failed" ? answer.what : answer.state === "done" ? this.#note(node, part) : undefined;
    if (problem === undefined) return answer.state === "done";
    // If that cannot be written, the machine says it again.
    await store.note({ ...wish, problem: `${node.name}: ${problem}` });
    return undefined;
  }

  /** Says what is wrong with a machine that takes itself for done. */
  #note({ name }: UpgradeNode, part: UpgradeOrder["part"]): string | undefined {
    const { patience, clock } = this.#options;
    if (part === "package") this.#said.packages.add(name);
    if (part === "control-plane") this.#said.controlPlanes.add(name);
    if (part !== "kubelet") return undefined;
    // That it was started does not say that it runs: it says so in Kubernetes, and then nobody orders it again.
    const since = this.#said.kubelets.get(name) ?? clock.now();
    this.#said.kubelets.set(name, since);
    return clock.now() - since < KUBELET_MS * patience
      ? undefined
      : "its kubelet was started, and does not tell Kubernetes so: see journalctl --unit kubelet there";
  }

  /** All of them each time: the log may not have grown when one was through, and nothing waits for it. */
  async #recordWhoIsThrough({ version }: StoredWish, nodes: readonly UpgradeNode[]): Promise<void> {
    for (const node of nodes)
      if (compareVersions(node.version, version) >= 0)
        await this.#options.record({ kind: "upgrade", nodeId: node.nodeId, version: node.version });
  }

  #tell({ version }: StoredWish, step: UpgradeStep): void {
    const words = wordsOf(step).what;
    if (words === this.#told) return;
    this.#told = words;
    this.#options.logger.info("upgrade of Kubernetes", { version, state: words });
  }
}

function nothingSaid(sha256: string) {
  return {
    sha256,
    packages: new Set<string>(),
    controlPlanes: new Set<string>(),
    /** Since when a machine says that its kubelet is through. */
    kubelets: new Map<string, Instant>(),
  };
}

/** While it goes on, the word of the server that leads. How it ended each server sees itself. */
function toldOf(wish: StoredWish | undefined, step: UpgradeStep): Told {
  const goesOn = step.kind === "install" || step.kind === "order" || step.kind === "wait";
  return (goesOn ? wish?.told : undefined) ?? wordsOf(step);
}

/** A step for people. */
export function wordsOf(step: UpgradeStep): Told {
  switch (step.kind) {
    case "none":
      return { state: "none", what: "no upgrade was asked for" };
    case "install":
      return {
        state: "upgrading",
        what: `the package is installed on ${step.nodes.map(({ name }) => name).join(", ")}`,
      };
    case "order":
      return {
        state: "upgrading",
        what: `${step.part === "kubelet" ? "kubelet" : "control plane"} of ${step.node.name}`,
      };
    case "wait":
      return { state: "waiting", what: step.reason };
    case "stopped":
      return { state: "stopped", what: step.reason };
    case "done":
      return {
        state: "done",
        what:
          step.away.length === 0
            ? "all machines run it"
            : `all machines run it that are here; ${step.away.join(", ")} when they are back`,
      };
    default:
      return step satisfies never;
  }
}

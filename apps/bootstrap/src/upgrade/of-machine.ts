import type { AuditEvent } from "@cluster-os/admission";
import { UpgradeProgress, type UpgradeOrder, type UpgradeReport, type UpgradeRequest } from "@cluster-os/api";
import { decodeCbor, encodeCbor, nodeName, type NodeId } from "@cluster-os/identity";
import { RESOURCES, type KubeClient, type Node } from "@cluster-os/kube";
import { compareVersions, type Distribution } from "@cluster-os/kubernetes";
import type { Clock, Logger } from "@cluster-os/std";
import type { Holder } from "../files/fetching.ts";
import { namedMembers, unreadyServers } from "../kubernetes/observe.ts";
import { ownTurn } from "../kubernetes/own-turn.ts";
import { unwellControlPlane } from "../kubernetes/renewal.ts";
import type { PeerApiClient } from "../peer-api/client.ts";
import { PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import type { ControlPlane } from "../server/control-plane.ts";
import type { View } from "../view.ts";
import { MachineUpgrade, UPGRADE_TOPIC } from "./machine-upgrade.ts";
import type { PackageManager } from "./package-manager.ts";
import { PackageStore } from "./package-store.ts";
import { Rollout, type ClusterNode } from "./rollout.ts";
import { refuseVersion } from "./version.ts";
import { WishObject } from "./wish-object.ts";

/** Another machine has so long to answer, in milliseconds. */
const ANSWER_MS = 10_000;

/** So long after a try to install the package that failed there is another one, in milliseconds. */
const RETRY_MS = 15_000;

export interface UpgradePartOptions {
  readonly self: NodeId;
  /** Where the package of an upgrade lies. */
  readonly folder: string;
  readonly view: View;
  readonly distribution: Distribution;
  readonly controlPlane: () => ControlPlane;
  readonly peers: Pick<PeerApiClient, "ask">;
  readonly manager: PackageManager;
  readonly patience: number;
  readonly step: (name: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything of Kubernetes upgrades on one machine: upgrading itself, and, on the server that leads, having all upgraded. */
export class UpgradePart {
  readonly machine: MachineUpgrade;
  /** By topic. */
  readonly handlers: Readonly<Record<string, PeerHandler>>;
  readonly #options: UpgradePartOptions;
  readonly #packages: PackageStore;
  readonly #rollout: Rollout;

  constructor(options: UpgradePartOptions) {
    const { self, folder, view, controlPlane, peers, clock, logger } = options;
    this.#options = options;
    this.#packages = new PackageStore({ folder, peers, signal: () => this.#soon() });
    this.machine = new MachineUpgrade({
      ...options,
      retryMs: RETRY_MS * options.patience,
      packages: this.#packages,
      slot: ownTurn(() => controlPlane().slot, self),
      holders: (names) => this.#holders(names),
      isServer: (nodeId) => view.isServer(nodeId),
    });
    this.handlers = { ...this.machine.handlers, ...this.#packages.handlers };
    this.#rollout = new Rollout({
      self,
      nodes: () => this.#nodes(this.#kube),
      unwell: async (signal) =>
        unwellControlPlane(
          await namedMembers(options.distribution, view, signal),
          unreadyServers(view, self),
        ),
      pause: () => controlPlane().autopilot?.pause,
      order: (node, order, signal) => this.#order(node, order, signal),
      record: (event: AuditEvent) => controlPlane().record(event, { by: "upgrade" }),
      patience: options.patience,
      clock,
      logger,
    });
  }

  /** One round of the server that leads; nothing elsewhere. */
  async lead(signal: AbortSignal): Promise<void> {
    const { leads, kube } = this.#options.controlPlane();
    if (leads && kube) await this.#rollout.round(new WishObject(kube), signal);
  }

  /** How far an upgrade is. Throws a PeerApiError where this machine is no server that answers. */
  async report(): Promise<UpgradeReport> {
    return this.#rollout.report(await new WishObject(this.#kube).read(), this.#soon());
  }

  /** A person's wish, or only what it would mean. Throws a PeerApiError that says why it is refused. */
  async ask({ package: file, confirmed }: UpgradeRequest): Promise<UpgradeReport> {
    const kube = this.#kube;
    const version = await this.#options.manager.versionIn(file).catch((cause: unknown) => {
      throw new PeerApiError(400, cause instanceof Error ? cause.message : String(cause), { cause });
    });
    const refusal = await this.#refusal(version, kube);
    if (refusal !== undefined) throw new PeerApiError(409, `nothing is upgraded: ${refusal}`);
    const from = nodeName(this.#options.self);
    const ask = new Date(this.#options.clock.wallTime()).toISOString();
    if (confirmed === true) {
      const sha256 = await this.#packages.take(file);
      await new WishObject(kube).ask({ version, sha256, from, ask }, this.#soon());
      await this.#packages.keepOnly(sha256);
      return this.report();
    }
    const report = await this.#rollout.report({ version, sha256: "", from, ask }, this.#soon());
    return { ...report, state: report.state === "done" ? "done" : "planned" };
  }

  /** A worker that is away has its turn when it is back, however old it is: kubelets may be three minor versions behind. */
  async #refusal(version: string, kube: KubeClient): Promise<string | undefined> {
    const begun = await new WishObject(kube).read();
    if (begun?.part !== undefined && compareVersions(begun.version, version) > 0)
      return `an upgrade to ${begun.version} has begun, and Kubernetes does not go back to ${version}`;
    const nodes = await this.#nodes(kube);
    return refuseVersion(
      version,
      nodes.filter(({ role, isAlive }) => role === "server" || isAlive),
    );
  }

  get #kube(): KubeClient {
    return this.#options.controlPlane().requireKube();
  }

  async #nodes(kube: KubeClient): Promise<readonly ClusterNode[]> {
    const { view } = this.#options;
    const { items } = await kube.list(RESOURCES.node);
    const known = new Map(items.map((node) => [node.metadata.name, node]));
    return view.members().flatMap(({ member: { nodeId, name, status }, index }) => {
      const node = known.get(name);
      if (!node) return [];
      const role = view.isServer(nodeId) ? ("server" as const) : ("worker" as const);
      const version = node.status?.nodeInfo?.kubeletVersion ?? "";
      const isAlive = status === "alive" || status === "suspect";
      return [{ nodeId, name, role, rank: index, version, isReady: isReady(node), isAlive }];
    });
  }

  async #order(node: ClusterNode, order: UpgradeOrder, signal: AbortSignal): Promise<UpgradeProgress> {
    const { self, view, peers } = this.#options;
    if (node.nodeId === self) return this.machine.order(order);
    const address = view.find(node.nodeId)?.meshAddress;
    if (address === undefined) throw new Error(`${node.name} is no member any more`);
    const soon = AbortSignal.any([signal, this.#soon()]);
    const call = { to: node.nodeId, address, topic: UPGRADE_TOPIC, body: encodeCbor(order), signal: soon };
    return UpgradeProgress.parse(decodeCbor(await peers.ask(call)));
  }

  #holders(names: readonly string[]): readonly Holder[] {
    const { view, self } = this.#options;
    return view
      .members()
      .filter(({ member: { nodeId, name } }) => nodeId !== self && names.includes(name))
      .map(({ member: { nodeId, name }, meshAddress }) => ({ nodeId, name, address: meshAddress }));
  }

  #soon(): AbortSignal {
    return AbortSignal.timeout(ANSWER_MS * this.#options.patience);
  }
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
}

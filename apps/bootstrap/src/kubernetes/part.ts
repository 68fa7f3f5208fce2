import { nextGeneration } from "@cluster-os/admission";
import type { ClusterConfigFile, KubernetesState } from "@cluster-os/api";
import type { AutopilotPolicy } from "@cluster-os/election";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { NodeKeys } from "@cluster-os/identity/drivers";
import type { Distribution, KubernetesStatus, RestoreSource } from "@cluster-os/kubernetes";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import { certificateOfAgent } from "../agent-certificate.ts";
import { PeerApiClient } from "../peer-api/client.ts";
import { servePeerApi } from "../peer-api/server.ts";
import type { AutopilotOptions } from "../server/autopilot.ts";
import { ControlPlane, createBaseObjects } from "../server/control-plane.ts";
import type { Trust } from "../server/desk.ts";
import type { Settings } from "../settings.ts";
import { SnapshotKeeper } from "../snapshots/keeper.ts";
import type { Steps } from "../steps.ts";
import { askClock } from "../time/clock-topic.ts";
import { ClockWatch } from "../time/clock-watch.ts";
import { UpgradePart } from "../upgrade/of-machine.ts";
import { dpkg } from "../upgrade/package-manager.ts";
import type { View } from "../view.ts";
import { ActRecordFile } from "./act-record.ts";
import { KubernetesController } from "./controller.ts";
import { autopilotNodes, namedMembers, observeKubernetes, placementOf, unreadyServers } from "./observe.ts";
import { OtherServers } from "./other-servers.ts";
import { ownTurn } from "./own-turn.ts";
import { peerHandlers } from "./peer-handlers.ts";
import { Readmission } from "./readmission.ts";
import { Renewal } from "./renewal.ts";
import { SlotReturn } from "./slot-return.ts";

export interface KubernetesPartOptions {
  readonly settings: Settings;
  readonly keys: NodeKeys;
  readonly view: View;
  readonly distribution: Distribution;
  readonly agent: { start(signal: AbortSignal): Promise<void>; stop(signal: AbortSignal): Promise<void> };
  /** The mesh's MTU in bytes; undefined until the mesh is up. */
  readonly meshMtu: () => number | undefined;
  /** Told in every round, whether it changed or not. */
  readonly onState: (state: KubernetesState, epoch: number) => void;
  /** This machine became a server of etcd under `epoch`. */
  readonly onJoined: (epoch: number) => Promise<void>;
  /** Keeps the authority key's seed, which a machine gets when it becomes a server; undefined: it is one no more. */
  readonly keepAuthority: (seed: Uint8Array | undefined) => Promise<void>;
  /** Signs who runs the control plane and tells all members. */
  readonly publishRoles: AutopilotOptions["publish"];
  readonly policy: AutopilotPolicy;
  readonly trust: Trust;
  /** How many times slower than usual the machines are. */
  readonly patience: number;
  readonly config: ClusterConfigFile;
  /** For Prometheus. */
  readonly metrics: () => Promise<string>;
  readonly steps: Steps;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/**
 * Everything of Kubernetes on one machine, put together: becoming a part of it, helping others to (the peer API), and, on
 * a server, keeping the cluster's objects.
 */
export class KubernetesPart implements AsyncDisposable {
  readonly #options: KubernetesPartOptions;
  readonly #peers: PeerApiClient;
  readonly #others: OtherServers;
  readonly #controller: KubernetesController;
  readonly #slot: SlotReturn;
  readonly #renewal: Renewal;
  readonly #readmission: Readmission;
  readonly controlPlane: ControlPlane;
  /** How far this clock is from the servers'. */
  readonly clocks: ClockWatch;
  readonly snapshots: SnapshotKeeper;
  readonly upgrade: UpgradePart;
  #peerApi: AsyncDisposable | undefined;

  constructor(options: KubernetesPartOptions) {
    const { keys, rng, distribution, view, settings, trust, patience, clock, logger } = options;
    this.#options = options;
    this.#peers = new PeerApiClient({ identity: keys.identity, sealing: keys.sealing, rng });
    this.#others = new OtherServers({
      self: this.#self,
      view,
      peers: this.#peers,
      patience,
      onSlot: () => this.#slot.keep(),
      keepAuthority: options.keepAuthority,
    });
    this.clocks = new ClockWatch({
      servers: () => this.#others.living,
      ask: (server, signal) => askClock(this.#peers, clock, server, signal),
      now: () => clock.now(),
    });
    this.#slot = new SlotReturn({
      tell: (server, signal) => this.#others.tellChanged(server, signal),
      servers: () => this.#others.living.map(({ nodeId }) => nodeId),
      clock,
      logger,
    });
    this.#renewal = new Renewal({
      distribution,
      slot: ownTurn(() => this.controlPlane.slot, this.#self),
      isClockRight: (signal) => this.clocks.agrees(signal),
      record: async (at) => {
        if (!this.controlPlane.kube) throw new Error("this server's API is not open");
        await this.controlPlane.record({ kind: "renewal", nodeId: this.#self, at }, { by: "renewal", at });
      },
      clock,
      patience,
      step: (name) => options.steps.reach(name),
      logger: logger.child({ part: "renewal" }),
    });
    this.#readmission = new Readmission({
      distribution,
      placement: () => this.#placement,
      helper: () => this.#others.ready,
      requestCredentials: (from, signal) =>
        this.#others.requestCredentials(from, "worker", "readmit", signal),
      isClockRight: (signal) => this.clocks.agrees(signal),
      clock,
      patience,
      step: (name) => options.steps.reach(name),
      logger: logger.child({ part: "readmission" }),
    });
    this.#controller = this.#makeController();
    this.snapshots = new SnapshotKeeper({
      ...options,
      self: this.#self,
      folder: settings.snapshotsFolder,
      controlPlane: () => this.controlPlane,
      peers: this.#peers,
      logger: logger.child({ part: "snapshots" }),
    });
    this.upgrade = new UpgradePart({
      ...options,
      self: this.#self,
      folder: settings.packagesFolder,
      controlPlane: () => this.controlPlane,
      peers: this.#peers,
      manager: dpkg(distribution.package, patience),
      step: (name) => options.steps.reach(name),
      logger: logger.child({ part: "upgrade" }),
    });
    this.controlPlane = new ControlPlane({
      distribution,
      view,
      self: this.#self,
      kubeconfigPath: settings.kubeconfigPath,
      manifestsPath: settings.manifestsPath,
      isReady: () => this.state === "ready" && this.role === "server" && view.isServer(this.#self),
      trust,
      patience,
      autopilot: {
        policy: options.policy,
        etcdMembers: (signal) => namedMembers(distribution, view, signal),
        nodes: () => autopilotNodes(view),
        nodeIdOf: (name) => view.roster().find(({ nodeId }) => nodeName(nodeId) === name)?.nodeId,
        known: () => ({ epoch: view.rolesEpoch, servers: view.servers }),
        publish: options.publishRoles,
      },
      clock,
      rng,
      logger: logger.child({ part: "control-plane" }),
    });
  }

  get state(): KubernetesState {
    return this.#controller.state;
  }

  /** Has etcd begin anew on this machine alone, above all that was ever decided; resolves when that is through. */
  restore(source: RestoreSource): Promise<void> {
    const id = String(nextGeneration(this.#options.view.rolesEpoch));
    return this.#controller.restore({ id, source });
  }

  /** What it is in Kubernetes, whatever it is to be; undefined before it is anything, and while that changes. */
  get settledRole(): "server" | "worker" | undefined {
    return this.#controller.role;
  }

  /** What this machine is in Kubernetes, or is to be while it is nothing yet. */
  get role(): "server" | "worker" {
    return this.#controller.role ?? (this.#options.view.isServer(this.#self) ? "server" : "worker");
  }

  /** As the last round found it; undefined while there is nothing of Kubernetes here. */
  get status(): KubernetesStatus | undefined {
    return this.#controller.status;
  }

  /** One round. Returns how long the next one has time, when that is longer than usual. */
  async round(signal: AbortSignal): Promise<number | void> {
    const { distribution, view, meshMtu } = this.#options;
    await distribution.prepare(signal);
    const mtu = meshMtu();
    if (mtu !== undefined && view.selfAddress !== undefined) {
      await this.#openPeerApi();
      await distribution.setServers(placementOf(view, this.#self, mtu));
    }
    await this.#controller.round(signal);
    await this.#slot.giveBack(signal);
    if (this.clocks.isIncomplete) return 200;
    // What works is looked at less often: each look asks systemd, the API server and etcd.
    const isBusy = this.#controller.isTurnAwaited || this.#slot.isOwed || this.upgrade.machine.isPending;
    if (this.state === "ready" && !isBusy) return 10_000 * this.#options.patience;
  }

  /** Ends all that runs here of Kubernetes, for good. No round may run any more. */
  leave(signal: AbortSignal): Promise<void> {
    return this.#controller.leave(signal);
  }

  /** Ends all that runs here of Kubernetes, and wipes nothing. No round may run any more. */
  async halt(signal: AbortSignal): Promise<void> {
    const { agent, distribution } = this.#options;
    await agent.stop(signal);
    await distribution.halt(signal);
    await this.#peerApi?.[Symbol.asyncDispose]();
    this.#peerApi = undefined;
  }

  /** A client certificate for this machine's node-agent. */
  agentCertificate(csrPem: string, signal: AbortSignal) {
    return certificateOfAgent({
      self: this.#self,
      view: this.#options.view,
      issuer: this.#issuer,
      peers: this.#peers,
      csrPem,
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peerApi?.[Symbol.asyncDispose]();
  }

  get #self(): NodeId {
    return this.#options.keys.identity.nodeId;
  }

  get #placement() {
    return placementOf(this.#options.view, this.#self, this.#options.meshMtu() ?? 0);
  }

  get #issuer() {
    return { kube: () => this.controlPlane.kube, rng: this.#options.rng };
  }

  #makeController(): KubernetesController {
    const { distribution, settings, view, meshMtu, agent, steps, logger, onState, onJoined } = this.#options;
    return new KubernetesController({
      distribution,
      record: new ActRecordFile(settings.actRecordPath),
      observe: () => observeKubernetes(view, this.#self, meshMtu() !== undefined),
      placement: () => this.#placement,
      requestCredentials: (from, role, act, signal) =>
        this.#others.requestCredentials(from, role, act, signal),
      askToStepDown: (from, wish, signal) => this.#others.askToStepDown(from, wish, signal),
      onServerNoMore: () => this.#options.keepAuthority(undefined),
      onChanged: (grantedBy) => this.#slot.owe(grantedBy),
      onState,
      onJoined,
      onRestored: ({ id }) =>
        this.#options.publishRoles({
          epoch: Number(id),
          servers: [this.#self],
          decidedAt: Math.round(this.#options.clock.wallTime()),
        }),
      mayBegin: (signal) => this.clocks.mayBegin(signal),
      maintain: async (status, signal) => {
        // First: what is started anew with other certificates is started by the kubelet.
        await this.#readmission.round(status.kind, signal);
        await this.#renewal.round({ ...status, unready: unreadyServers(view, this.#self) }, signal);
        await this.upgrade.machine.round(status.kind === "server", signal);
      },
      afterInit: () => createBaseObjects(distribution, settings.manifestsPath, this.#options.patience),
      agent,
      step: (name) => steps.reach(name),
      logger: logger.child({ part: "kubernetes" }),
    });
  }

  /** Once there is an address of the mesh to listen on. */
  async #openPeerApi(): Promise<void> {
    const { view, rng, logger, distribution } = this.#options;
    const address = view.selfAddress;
    if (this.#peerApi || address === undefined) return;
    this.#peerApi = await servePeerApi({
      self: this.#self,
      address,
      handlers: peerHandlers({
        view,
        distribution,
        controlPlane: this.controlPlane,
        snapshots: this.snapshots,
        upgrade: this.upgrade,
        trust: this.#options.trust,
        clock: this.#options.clock,
        rng,
      }),
      memberOf: (nodeId) => {
        const found = view.find(nodeId);
        const sealingKey = found?.member.description?.sealingKey;
        return found && sealingKey && { sealingKey, meshAddress: found.meshAddress };
      },
      metrics: this.#options.metrics,
      rng,
      logger: logger.child({ part: "peer-api" }),
    });
  }
}

import type { AgentCertificateAnswer, ClusterConfigFile, KubernetesState, NodeStatus } from "@cluster-os/api";
import { describeDiagnostic, NodeProtocol } from "@cluster-os/formation";
import { nodeName } from "@cluster-os/identity";
import type { NodeKeys } from "@cluster-os/identity/drivers";
import type { Distribution } from "@cluster-os/kubernetes";
import { openNetwork } from "@cluster-os/membership/drivers";
import type { WireGuardDevice } from "@cluster-os/mesh";
import type { LinkDriver } from "@cluster-os/mesh/drivers";
import { fromBase64, type Clock, type Logger, type Rng } from "@cluster-os/std";
import { readFileIfExists } from "@cluster-os/std/drivers";
import { ActRecordFile } from "./kubernetes/act-record.ts";
import { KubernetesController } from "./kubernetes/controller.ts";
import {
  askForCredentials,
  credentialsHandler,
  CREDENTIALS_TOPIC,
  JOIN_DONE_TOPIC,
  joinDoneHandler,
} from "./kubernetes/credentials.ts";
import { balancedServers, observeKubernetes, placementOf } from "./kubernetes/observe.ts";
import { certificateOfAgent } from "./agent-certificate.ts";
import { serveLocalApi, type LocalApiAnswers } from "./local-api.ts";
import { Loop } from "./loop.ts";
import { lanSubnets, underlayAddresses, type MachineCapabilities } from "./machine.ts";
import { MESH_INTERFACE, MeshController, type MeshView } from "./mesh-controller.ts";
import { PeerApiClient } from "./peer-api/client.ts";
import { servePeerApi } from "./peer-api/server.ts";
import { ProtocolDriver, type OuterEffect } from "./protocol-driver.ts";
import { certificateHandler, CERTIFICATE_TOPIC } from "./server/certificate-handler.ts";
import { ControlPlane, createBaseObjects } from "./server/control-plane.ts";
import { clusterStatus, memberList, nodeReport } from "./reports.ts";
import type { Settings } from "./settings.ts";
import type { Steps } from "./steps.ts";
import { View } from "./view.ts";

/** Everything of the machine that bootstrap touches, chosen in main.ts. */
export interface DaemonOptions {
  readonly settings: Settings;
  readonly config: ClusterConfigFile;
  readonly keys: NodeKeys;
  readonly capabilities: MachineCapabilities;
  readonly version: string;
  readonly device: WireGuardDevice;
  readonly link: LinkDriver;
  readonly ensureMeshInterface: (signal: AbortSignal) => Promise<void>;
  readonly distribution: Distribution;
  readonly agent: { start(signal: AbortSignal): Promise<void>; stop(signal: AbortSignal): Promise<void> };
  readonly steps: Steps;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

const DEFAULT_GOSSIP_PORT = 8686;
const DEFAULT_WIREGUARD_PORT = 51820;

/**
 * One machine's bootstrap, put together: the protocol, and the loops that make the machine what the protocol says it is.
 * Each loop looks at the whole state, so the order in which they run does not matter.
 */
export class Daemon implements AsyncDisposable {
  readonly #options: DaemonOptions;
  readonly #resources = new AsyncDisposableStack();
  readonly #protocol: NodeProtocol;
  readonly #view: View;
  readonly #peers: PeerApiClient;
  readonly #kubernetes: KubernetesController;
  readonly #controlPlane: ControlPlane;
  #driver!: ProtocolDriver;
  #loops: { readonly mesh: Loop; readonly kubernetes: Loop; readonly controlPlane: Loop } | undefined;
  #meshMtu: number | undefined;
  #isPeerApiUp = false;

  private constructor(options: DaemonOptions, state: Uint8Array | undefined) {
    const { config, keys, rng, clock, distribution } = options;
    this.#options = options;
    this.#protocol = new NodeProtocol({
      identity: keys.identity,
      wireguardKey: keys.wireguard.publicKey,
      sealing: keys.sealing,
      ...(config.joinKey !== undefined && { joinKey: fromBase64(config.joinKey) }),
      ...(config.expect !== undefined && { expect: config.expect }),
      ...(state && { state }),
      description: this.#describe("waiting", 0),
      lanSubnets: lanSubnets(),
      seeds: config.seeds ?? [],
      rng,
      wallTime: () => clock.wallTime(),
      now: clock.now(),
    });
    this.#view = new View(this.#protocol);
    this.#peers = new PeerApiClient({ identity: keys.identity, sealing: keys.sealing, rng });
    this.#kubernetes = this.#makeKubernetesController();
    this.#controlPlane = new ControlPlane({
      distribution,
      view: this.#view,
      self: keys.identity.nodeId,
      kubeconfigPath: options.settings.kubeconfigPath,
      isReady: () => this.#kubernetes.state === "ready" && this.#view.isServer(keys.identity.nodeId),
      admit: (nodeId, index) => this.#driver.feed({ kind: "admit", nodeId, index }),
      clock,
      logger: options.logger.child({ part: "control-plane" }),
    });
  }

  static async start(options: DaemonOptions): Promise<Daemon> {
    const state = await readFileIfExists(options.settings.protocolStatePath);
    const daemon = new Daemon(options, state && new Uint8Array(state));
    await daemon.#start();
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #start(): Promise<void> {
    const { settings, clock, logger, steps } = this.#options;
    const network = this.#resources.use(
      await openNetwork({
        port: this.#options.config.gossipPort ?? DEFAULT_GOSSIP_PORT,
        logger: logger.child({ part: "network" }),
        onDatagram: (from, bytes) => void this.#driver.feed({ kind: "datagram", from, bytes }),
      }),
    );
    const outlets = {
      statePath: settings.protocolStatePath,
      send: (to: string, bytes: Uint8Array) => network.send(to, bytes),
      multicast: (bytes: Uint8Array) => network.multicast(bytes),
      notify: (effect: OuterEffect) => this.#notify(effect),
    };
    this.#driver = new ProtocolDriver({ protocol: this.#protocol, outlets, clock, logger });
    this.#resources.use(this.#driver);
    steps.reach("searching");
    this.#startLoops();
    this.#resources.use(await this.#localApi());
    await this.#driver.feed({ kind: "wake" });
  }

  #startLoops(): void {
    const { rng, logger } = this.#options;
    const mesh = this.#meshController();
    const loop = (
      name: string,
      everyMs: number,
      round: (signal: AbortSignal) => Promise<number | void>,
    ): Loop =>
      this.#resources.use(new Loop({ name, everyMs, round, rng, logger: logger.child({ part: name }) }));
    this.#loops = {
      mesh: loop("mesh", 30_000, (signal) => mesh.round(signal)),
      kubernetes: loop("kubernetes", 1_000, (signal) => this.#kubernetesRound(signal)),
      controlPlane: loop("control-plane", 2_000, (signal) => this.#controlPlane.round(signal)),
    };
  }

  #poke(): void {
    this.#loops?.mesh.poke();
    this.#loops?.kubernetes.poke();
  }

  #notify(effect: OuterEffect): void {
    const { logger, steps } = this.#options;
    switch (effect.kind) {
      case "admitted":
        steps.reach("admitted");
        logger.info("admitted", {
          clusterId: effect.clusterId,
          index: effect.index,
          isFounder: effect.isFounder,
        });
        return this.#poke();
      case "application":
        if (effect.applicant.hasJoinKey) this.#controlPlane.apply(effect.applicant.nodeId);
        return this.#loops?.controlPlane.poke();
      case "epoch":
        logger.info("initialiser of Kubernetes", { epoch: effect.epoch, initialiser: effect.initialiser });
        return this.#poke();
      case "established":
        steps.reach("established");
        logger.info("established", { epoch: effect.established.epoch });
        return this.#poke();
      case "member-changed":
        logger.info("member", {
          node: nodeName(effect.member.nodeId),
          status: effect.member.status,
          was: effect.previous,
        });
        return this.#poke();
      case "diagnostic":
        return logger.warn(describeDiagnostic(effect.diagnostic), { diagnostic: effect.diagnostic.kind });
      case "fact-learned":
      case "message":
        return;
      default:
        effect satisfies never;
    }
  }

  #meshController(): MeshController {
    const { device, link, ensureMeshInterface, keys, clock, logger } = this.#options;
    return new MeshController({
      device,
      link,
      ensureInterface: ensureMeshInterface,
      wireguard: keys.wireguard,
      listenPort: this.#options.config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
      view: () => this.#meshView(),
      onUp: (mtu) => this.#meshIsUp(mtu),
      clock,
      logger: logger.child({ part: "mesh" }),
    });
  }

  #meshView(): MeshView | undefined {
    const { addressPlan, selfIndex } = this.#view;
    if (!addressPlan || selfIndex === undefined) return undefined;
    const peers = this.#view.members().flatMap(({ member, index }) => {
      const { description, nodeId } = member;
      if (!description || nodeId === this.#options.keys.identity.nodeId) return [];
      const endpoint = endpointOf(member.address, description.wireguardPort);
      return [{ index, wireguardKey: description.wireguardKey, ...(endpoint !== undefined && { endpoint }) }];
    });
    return { addressPlan, selfIndex, peers };
  }

  #meshIsUp(mtu: number): void {
    if (this.#meshMtu === undefined) this.#options.steps.reach("mesh up");
    this.#meshMtu = mtu;
    this.#loops?.kubernetes.poke();
  }

  async #kubernetesRound(signal: AbortSignal): Promise<number | void> {
    const { distribution } = this.#options;
    await distribution.prepare(signal);
    await this.#openPeerApi();
    if (this.#meshMtu !== undefined) await distribution.setServers(balancedServers(this.#view));
    await this.#kubernetes.round(signal);
    // What works is looked at less often: each look asks systemd, the API server and etcd.
    if (this.#kubernetes.state === "ready") return 10_000;
  }

  #makeKubernetesController(): KubernetesController {
    const { distribution, settings, keys, steps, logger } = this.#options;
    const self = keys.identity.nodeId;
    return new KubernetesController({
      distribution,
      record: new ActRecordFile(settings.actRecordPath),
      observe: () => observeKubernetes(this.#view, self, this.#meshMtu !== undefined),
      placement: () => placementOf(this.#view, self, this.#meshMtu ?? 0),
      requestCredentials: (from, role, signal) => {
        const address = this.#view.find(from)?.meshAddress;
        if (address === undefined) return Promise.resolve(undefined);
        return askForCredentials({
          peers: this.#peers,
          from,
          address,
          role,
          epoch: this.#view.epoch.epoch,
          signal,
        });
      },
      reportDone: async (to, signal) => {
        const address = this.#view.find(to)?.meshAddress;
        if (address === undefined) return;
        // Only spares the next joiner the wait until the slot expires, so failing to say it is no failure of the join.
        await this.#peers
          .ask({ to, address, topic: JOIN_DONE_TOPIC, body: new Uint8Array(), signal })
          .catch((error: unknown) =>
            logger.warn("could not give the join slot back", { error: String(error) }),
          );
      },
      onState: (state, epoch) => this.#tellState(state, epoch),
      onJoined: (epoch) => this.#driver.feed({ kind: "joined", epoch }),
      afterInit: () => createBaseObjects(distribution),
      agent: this.#options.agent,
      step: (name) => steps.reach(name),
      logger: logger.child({ part: "kubernetes" }),
    });
  }

  #told = "";

  #tellState(state: KubernetesState, epoch: number): void {
    const told = `${state} ${epoch} ${this.#role()}`;
    if (told === this.#told) return;
    this.#told = told;
    void this.#driver.feed({ kind: "describe", description: this.#describe(state, epoch) });
    if (state === "ready") this.#loops?.controlPlane.poke();
  }

  #role(): "server" | "worker" | undefined {
    if (this.#view.selfIndex === undefined) return undefined;
    return this.#view.isServer(this.#options.keys.identity.nodeId) ? "server" : "worker";
  }

  #describe(state: KubernetesState, epoch: number) {
    const { capabilities, version, config } = this.#options;
    // The first description is made before there is a protocol to ask for a role.
    const role = this.#view === undefined ? undefined : this.#role();
    return {
      gossipPort: config.gossipPort ?? DEFAULT_GOSSIP_PORT,
      wireguardPort: config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
      capabilities,
      roles: role === undefined ? [] : [role],
      kubernetes: { state, epoch },
      version,
      ...(config.label !== undefined && { label: config.label }),
    };
  }

  async #openPeerApi(): Promise<void> {
    const { keys, rng, logger, distribution } = this.#options;
    const address = this.#view.selfAddress;
    if (this.#isPeerApiUp || this.#meshMtu === undefined || address === undefined) return;
    const slot = () => this.#controlPlane.slot;
    const server = await servePeerApi({
      self: keys.identity.nodeId,
      address,
      handlers: {
        [CREDENTIALS_TOPIC]: credentialsHandler({
          distribution,
          slot,
          epoch: () => this.#view.epoch.epoch,
          isElectedServer: (nodeId) => this.#view.isServer(nodeId),
        }),
        [JOIN_DONE_TOPIC]: joinDoneHandler(slot),
        [CERTIFICATE_TOPIC]: certificateHandler({ kube: () => this.#controlPlane.kube, rng }),
      },
      memberOf: (nodeId) => {
        const found = this.#view.find(nodeId);
        const sealingKey = found?.member.description?.sealingKey;
        return found && sealingKey && { sealingKey, meshAddress: found.meshAddress };
      },
      rng,
      logger: logger.child({ part: "peer-api" }),
    });
    this.#resources.use(server);
    this.#isPeerApiUp = true;
  }

  #localApi(): Promise<AsyncDisposable> {
    const { settings, logger } = this.#options;
    const answers: LocalApiAnswers = {
      status: () => this.#nodeReport(),
      // A person asks this one: it looks at etcd anew. node-agent asks `status`, every few seconds.
      cluster: async () =>
        clusterStatus(
          this.#view,
          this.#protocol.status.clusterId,
          await this.#options.distribution.status(AbortSignal.timeout(4_000)),
        ),
      members: () => Promise.resolve(memberList(this.#view)),
      agentCertificate: ({ csrPem }, signal) => this.#agentCertificate(csrPem, signal),
    };
    return serveLocalApi({
      socketPath: settings.socketPath,
      answers,
      logger: logger.child({ part: "local-api" }),
    });
  }

  async #nodeReport(): Promise<NodeStatus> {
    const { version, config, device, steps } = this.#options;
    return nodeReport({
      protocol: this.#protocol.status,
      view: this.#view,
      version,
      label: config.label,
      underlayAddresses: underlayAddresses(),
      kubernetesState: this.#kubernetes.state,
      kubernetes: this.#kubernetes.status,
      device: this.#meshMtu === undefined ? undefined : await device.get(MESH_INTERFACE),
      steps: steps.list(),
      counters: {},
    });
  }

  #agentCertificate(csrPem: string, signal: AbortSignal): Promise<AgentCertificateAnswer> {
    const { keys, rng } = this.#options;
    const issuer = { kube: () => this.#controlPlane.kube, rng };
    return certificateOfAgent({
      self: keys.identity.nodeId,
      view: this.#view,
      issuer,
      peers: this.#peers,
      csrPem,
      signal,
    });
  }
}

/** The address of a member's WireGuard: the host its gossip comes from, at its WireGuard port. */
export function endpointOf(gossipAddress: string, wireguardPort: number): string | undefined {
  const host = /^(.+):[0-9]+$/.exec(gossipAddress)?.[1];
  return host === undefined ? undefined : `${host}:${wireguardPort}`;
}

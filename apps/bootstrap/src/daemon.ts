import type { ClusterConfigFile, KubernetesState, LeaveAnswer, NodeStatus } from "@cluster-os/api";
import { ringKeyNumber } from "@cluster-os/admission";
import type { SshFacts } from "@cluster-os/firewall";
import type { FirewallDriver } from "@cluster-os/firewall/drivers";
import {
  describeDiagnostic,
  NodeProtocol,
  patientFormation,
  type RevocationDecision,
} from "@cluster-os/formation";
import { nodeName, type NodeId } from "@cluster-os/identity";
import { WireGuardKeyFiles, type NodeKeys } from "@cluster-os/identity/drivers";
import type { Distribution } from "@cluster-os/kubernetes";
import { patientMembership } from "@cluster-os/membership";
import { openNetwork, type Network } from "@cluster-os/membership/drivers";
import { isUnderlayInterface } from "@cluster-os/mesh";
import type { LinkDriver } from "@cluster-os/mesh/drivers";
import { fromBase64, toHex, type Clock, type Logger, type Rng } from "@cluster-os/std";
import { readFileIfExists } from "@cluster-os/std/drivers";
import { depart } from "./departure.ts";
import { DEFAULT_GOSSIP_PORT, DEFAULT_WIREGUARD_PORT, describeMachine, type Role } from "./description.ts";
import { FirewallController } from "./firewall/firewall-controller.ts";
import { endWork } from "./end-of-work.ts";
import { KubernetesPart } from "./kubernetes/part.ts";
import { serveLocalApi, type LocalApiAnswers } from "./local-api.ts";
import { Loop } from "./loop.ts";
import { lanSubnets, underlayAddresses, type MachineCapabilities } from "./machine.ts";
import { MeshController } from "./mesh-controller.ts";
import { MESH_INTERFACE, type MeshInterface } from "./mesh-interface.ts";
import { MeshKeys } from "./mesh-keys.ts";
import { meshPeers, meshView } from "./mesh-view.ts";
import { ProtocolDriver, type OuterEffect } from "./protocol-driver.ts";
import { autopilotStatus, clusterStatus, memberList, nodeReport, revokeAnswer } from "./reports.ts";
import { requireAuthority, ringKeyReport } from "./ring-keys.ts";
import { autopilotPolicy } from "./server/autopilot-policy.ts";
import type { Settings } from "./settings.ts";
import type { Steps } from "./steps.ts";
import { TimeController, type Chrony } from "./time/time-controller.ts";
import { UnderlayWatch } from "./underlay-watch.ts";
import { View } from "./view.ts";

/** Everything of the machine that bootstrap touches, chosen in main.ts. */
export interface DaemonOptions {
  readonly settings: Settings;
  readonly config: ClusterConfigFile;
  readonly keys: NodeKeys;
  readonly capabilities: MachineCapabilities;
  readonly version: string;
  readonly mesh: MeshInterface;
  readonly link: LinkDriver;
  /** Sends a packet to each mesh address. */
  readonly nudge: (addresses: readonly string[]) => Promise<void>;
  readonly chrony: Chrony;
  readonly firewall: { readonly driver: FirewallDriver; readonly readSshFacts: () => Promise<SshFacts> };
  /** The given file, read anew. */
  readonly readConfig: () => Promise<ClusterConfigFile>;
  /**
   * Called when this machine has left its cluster, or has begun to and failed: this process is of no more use, and only
   * after a failure is another one.
   */
  readonly onDeparture: (hasLeft: boolean) => void;
  readonly distribution: Distribution;
  readonly agent: { start(signal: AbortSignal): Promise<void>; stop(signal: AbortSignal): Promise<void> };
  readonly steps: Steps;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/**
 * One machine's bootstrap, put together: the protocol, and the loops that make the machine what the protocol says it is.
 * Each loop looks at the whole state, so the order in which they run does not matter.
 */
export class Daemon implements AsyncDisposable {
  readonly #options: DaemonOptions;
  readonly #resources = new AsyncDisposableStack();
  readonly #protocol: NodeProtocol;
  readonly #view: View;
  readonly #kubernetes: KubernetesPart;
  readonly #firewall: FirewallController;
  readonly #meshKeys: MeshKeys;
  #driver!: ProtocolDriver;
  #network: Network | undefined;
  #loops:
    | {
        readonly mesh: Loop;
        readonly underlay: Loop;
        readonly meshKeys: Loop;
        readonly firewall: Loop;
        readonly kubernetes: Loop;
        readonly controlPlane: Loop;
        readonly time: Loop;
      }
    | undefined;
  #meshMtu: number | undefined;
  #kubernetesTold: { readonly state: KubernetesState; readonly epoch: number } = {
    state: "waiting",
    epoch: 0,
  };
  /** What the other members were told last. */
  #told = "";

  private constructor(options: DaemonOptions, state: Uint8Array | undefined) {
    const { config, keys, rng, clock } = options;
    this.#options = options;
    this.#protocol = new NodeProtocol({
      identity: keys.identity,
      wireguardKey: keys.wireguard.publicKey,
      sealing: keys.sealing,
      ...(config.joinKey !== undefined && { joinKey: fromBase64(config.joinKey) }),
      ...(config.expect !== undefined && { expect: config.expect }),
      ...(state && { state }),
      description: describeMachine(options, { role: undefined, kubernetes: { state: "waiting", epoch: 0 } }),
      lanSubnets: lanSubnets(),
      seeds: config.seeds ?? [],
      config: patientFormation(config.patience ?? 1),
      membershipConfig: patientMembership(config.patience ?? 1),
      rng,
      wallTime: () => clock.wallTime(),
      now: clock.now(),
    });
    this.#view = new View(this.#protocol);
    this.#meshKeys = new MeshKeys({
      current: keys.wireguard,
      files: new WireGuardKeyFiles(options.settings.identityFolder, rng, () => clock.wallTime()),
      onAnnounced: () => this.#tellState(this.#kubernetesTold.state, this.#kubernetesTold.epoch),
      onSwitched: () => this.#loops?.mesh.poke(),
      logger: options.logger.child({ part: "mesh" }),
    });
    this.#firewall = new FirewallController({
      ...options,
      ...options.firewall,
      addressPlan: () => this.#view.addressPlan,
      logger: options.logger.child({ part: "firewall" }),
    });
    this.#kubernetes = this.#resources.use(
      new KubernetesPart({
        ...options,
        view: this.#view,
        meshMtu: () => this.#meshMtu,
        onState: (reached, epoch) => this.#tellState(reached, epoch),
        onJoined: (epoch) => this.#driver.feed({ kind: "joined", epoch }),
        policy: autopilotPolicy(config),
        keepAuthority: (seed) =>
          this.#driver.feed(seed ? { kind: "authority", seed } : { kind: "forget-authority" }),
        authoritySeed: () => this.#protocol.authoritySeed,
        publishRoles: async ({ epoch, servers, decidedAt }) => {
          await this.#driver.feed({ kind: "roles", epoch, servers, decidedAt });
          this.#poke();
        },
        admit: (nodeId: NodeId, index: number) => this.#driver.feed({ kind: "admit", nodeId, index }),
        revoke: (decision) => this.#revoke(decision),
        patience: options.config.patience ?? 1,
      }),
    );
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
        isWanted: isUnderlayInterface,
        onDatagram: (from, bytes) => void this.#driver.feed({ kind: "datagram", from, bytes }),
      }),
    );
    this.#network = network;
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
    const { rng, logger, config } = this.#options;
    // On slow machines each round takes long; without longer pauses there would be time for nothing else.
    const patience = config.patience ?? 1;
    const mesh = this.#meshController();
    const time = this.#timeController();
    const underlay = this.#underlayWatch();
    const loop = (
      name: string,
      everyMs: number,
      round: (signal: AbortSignal) => Promise<number | void>,
    ): Loop =>
      this.#resources.use(
        new Loop({ name, everyMs: everyMs * patience, round, rng, logger: logger.child({ part: name }) }),
      );
    this.#loops = {
      mesh: loop("mesh", 10_000, (signal) => mesh.round(signal)),
      underlay: loop("underlay", 1_500, () => underlay.round()),
      meshKeys: loop("mesh-keys", 15_000, () => this.#meshKeys.round()),
      firewall: loop("firewall", 30_000, () => this.#firewall.round()),
      kubernetes: loop("kubernetes", 1_000, (signal) => this.#kubernetes.round(signal)),
      controlPlane: loop("control-plane", 2_000, (signal) => this.#kubernetes.controlPlane.round(signal)),
      time: loop("time", 60_000, async (signal) => {
        await time.round(signal);
        await this.#kubernetes.clocks.look(signal);
        // While the machine is on its way, a clock that is off is what holds it up.
        if (this.#kubernetes.state !== "ready") return 5_000;
      }),
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
        this.#loops?.firewall.poke();
        return this.#poke();
      case "application":
        if (effect.applicant.hasJoinKey) this.#kubernetes.controlPlane.apply(effect.applicant.nodeId);
        return this.#loops?.controlPlane.poke();
      case "epoch":
        logger.info("initialiser of Kubernetes", { epoch: effect.epoch, initialiser: effect.initialiser });
        return this.#poke();
      case "established":
        steps.reach("established");
        logger.info("established", { epoch: effect.established.epoch });
        this.#loops?.time.poke();
        return this.#poke();
      case "member-changed":
        logger.info("member", {
          node: nodeName(effect.member.nodeId),
          status: effect.member.status,
          was: effect.previous,
        });
        return this.#poke();
      case "ring-key":
        return logger.info("ring key", {
          newest: ringKeyNumber(effect.ringKey.newest),
          stage: effect.ringKey.stage,
          isHeld: effect.ringKey.held >= effect.ringKey.newest,
        });
      case "diagnostic":
        logger.warn(describeDiagnostic(effect.diagnostic), { diagnostic: effect.diagnostic.kind });
        if (effect.diagnostic.kind === "revoked") this.#endWork();
        return;
      case "fact-learned":
        // It may have changed who is a member.
        return this.#poke();
      case "message":
        return;
      default:
        effect satisfies never;
    }
  }

  /** Resolves once this machine knows; the others are being told. */
  async #revoke(decision: RevocationDecision): Promise<void> {
    await this.#driver.feed({ kind: "revoke", ...decision });
    this.#poke();
    this.#loops?.controlPlane.poke();
  }

  /** This machine is revoked. It goes on only to say so, on its local API. */
  #endWork(): void {
    const { mesh, logger } = this.#options;
    const work = {
      stopLoops: () => this.#stopLoops(),
      haltKubernetes: (signal: AbortSignal) => this.#kubernetes.halt(signal),
      stopMesh: (signal: AbortSignal) => mesh.remove(signal),
      logger,
    };
    const stopping = new AbortController();
    // After whatever this effect is part of.
    const ended = Promise.resolve().then(() => endWork(work, stopping.signal));
    this.#resources.defer(async () => {
      stopping.abort(new Error("bootstrap stops"));
      await ended;
    });
  }

  async #stopLoops(): Promise<void> {
    await Promise.all(Object.values(this.#loops ?? {}).map((loop) => loop[Symbol.asyncDispose]()));
  }

  #meshController(): MeshController {
    const { mesh, link, keys, clock, logger } = this.#options;
    return new MeshController({
      mesh,
      link,
      key: () => this.#meshKeys.current,
      nudge: this.#options.nudge,
      listenPort: this.#options.config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
      view: () => meshView(this.#view, keys.identity.nodeId),
      onUp: (mtu) => this.#meshIsUp(mtu),
      clock,
      logger: logger.child({ part: "mesh" }),
    });
  }

  #underlayWatch(): UnderlayWatch {
    return new UnderlayWatch({
      addresses: underlayAddresses,
      peers: () => meshPeers(this.#view, this.#options.keys.identity.nodeId),
      nudge: this.#options.nudge,
      onMoved: () => this.#loops?.mesh.poke(),
      logger: this.#options.logger.child({ part: "mesh" }),
    });
  }

  #timeController(): TimeController {
    const { chrony, keys, config, logger } = this.#options;
    return new TimeController({
      chrony,
      self: keys.identity.nodeId,
      view: this.#view,
      given: config.timeSources,
      logger: logger.child({ part: "time" }),
    });
  }

  #meshIsUp(mtu: number): void {
    if (this.#meshMtu === undefined) this.#options.steps.reach("mesh up");
    this.#meshMtu = mtu;
    this.#loops?.kubernetes.poke();
    this.#loops?.time.poke();
  }

  #tellState(state: KubernetesState, epoch: number): void {
    this.#kubernetesTold = { state, epoch };
    const role = this.#role();
    const keys = this.#meshKeys.described();
    const told = `${state} ${epoch} ${role} ${toHex(keys.wireguardKey)} ${toHex(keys.nextWireguardKey ?? keys.wireguardKey)}`;
    if (told === this.#told) return;
    this.#told = told;
    const description = describeMachine(this.#options, { role, kubernetes: { state, epoch }, keys });
    void this.#driver.feed({ kind: "describe", description });
    if (state === "ready") this.#loops?.controlPlane.poke();
  }

  #role(): Role | undefined {
    if (this.#view.selfIndex === undefined) return undefined;
    return this.#kubernetes.role;
  }

  async #depart(): Promise<LeaveAnswer> {
    const { keys, settings, mesh, onDeparture, logger } = this.#options;
    let hasBegun = false;
    let hasLeft = false;
    try {
      const answer = await depart({
        self: keys.identity.nodeId,
        clusterId: this.#protocol.status.clusterId,
        isServer: this.#role() === "server",
        stopLoops: async () => {
          hasBegun = true;
          await this.#stopLoops();
        },
        leaveKubernetes: (signal) => this.#kubernetes.leave(signal),
        departurePath: settings.departurePath,
        tellOthers: () => this.#driver.feed({ kind: "leave" }),
        stopMesh: async (signal) => {
          await mesh.remove(signal);
          await this.#firewall.remove();
        },
        logger,
      });
      hasLeft = true;
      return answer;
    } finally {
      if (hasBegun) onDeparture(hasLeft);
    }
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
          await this.#options.distribution.status(
            AbortSignal.timeout(4_000 * (this.#options.config.patience ?? 1)),
          ),
          this.#autopilot(),
        ),
      members: () => Promise.resolve(memberList(this.#view)),
      firewall: () => this.#firewall.report(),
      ringKeys: () => Promise.resolve(ringKeyReport(this.#view, this.#protocol.status)),
      rotateRingKey: async () => {
        requireAuthority(this.#view, this.#protocol.status);
        await this.#driver.feed({ kind: "rotate-ring-key" });
        return ringKeyReport(this.#view, this.#protocol.status);
      },
      leave: () => this.#depart(),
      revoke: async ({ node }) => revokeAnswer(await this.#kubernetes.controlPlane.revoke(node)),
      agentCertificate: ({ csrPem }, signal) => this.#kubernetes.agentCertificate(csrPem, signal),
    };
    return serveLocalApi({
      sockets: settings.sockets,
      answers,
      logger: logger.child({ part: "local-api" }),
    });
  }

  #autopilot() {
    return autopilotStatus(this.#kubernetes.controlPlane.autopilot, this.#options.clock.now());
  }

  async #nodeReport(): Promise<NodeStatus> {
    const { version, config, mesh, steps } = this.#options;
    return nodeReport({
      protocol: this.#protocol.status,
      view: this.#view,
      version,
      label: config.label,
      underlayAddresses: underlayAddresses(),
      kubernetesState: this.#kubernetes.state,
      kubernetes: this.#kubernetes.status,
      kubernetesRole: this.#kubernetes.role,
      autopilot: this.#autopilot(),
      mesh:
        this.#meshMtu === undefined
          ? undefined
          : { implementation: mesh.implementation, device: await mesh.device.get(MESH_INTERFACE) },
      steps: steps.list(),
      clocks: this.#kubernetes.clocks,
      interfaces: this.#network?.interfaces().map(({ name }) => name) ?? [],
      counters: this.#protocol.counters(),
      firewallError: this.#firewall.error,
    });
  }
}

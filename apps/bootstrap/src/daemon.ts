import type { KubernetesState } from "@cluster-os/api";
import { ringKeyNumber } from "@cluster-os/admission";
import {
  describeDiagnostic,
  NodeProtocol,
  patientFormation,
  type ApplicantView,
} from "@cluster-os/formation";
import { nodeName } from "@cluster-os/identity";
import { WireGuardKeyFiles } from "@cluster-os/identity/drivers";
import { patientMembership } from "@cluster-os/membership";
import { openNetwork, type Network } from "@cluster-os/membership/drivers";
import { isUnderlayInterface } from "@cluster-os/mesh";
import { fromBase64, toHex } from "@cluster-os/std";
import { readFileIfExists } from "@cluster-os/std/drivers";
import type { DaemonOptions } from "./daemon-options.ts";
import { DEFAULT_GOSSIP_PORT, describeMachine, type Role } from "./description.ts";
import { FirewallController } from "./firewall/firewall-controller.ts";
import { endWork } from "./end-of-work.ts";
import { KubernetesPart } from "./kubernetes/part.ts";
import { localAnswers } from "./local-answers.ts";
import { serveLocalApi } from "./local-api.ts";
import { Loops } from "./loops.ts";
import { lanSubnets } from "./machine.ts";
import { MeshKeys } from "./mesh-keys.ts";
import { ProtocolDriver, type OuterEffect } from "./protocol-driver.ts";
import { autopilotPolicy } from "./server/autopilot-policy.ts";
import { trustOf } from "./trust.ts";
import { View } from "./view.ts";

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
  #loops: Loops | undefined;
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
      config: {
        ...patientFormation(config.patience ?? 1),
        ...(config.maxServers !== undefined && { maxServers: config.maxServers }),
      },
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
        publishRoles: async ({ epoch, servers, decidedAt }) => {
          await this.#driver.feed({ kind: "roles", epoch, servers, decidedAt });
          this.#loops?.pokeMembers();
        },
        trust: trustOf(this.#protocol, {
          feed: (input) => this.#driver.feed(input),
          changed: () => this.#membersChanged(),
        }),
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
    this.#loops = this.#resources.use(
      new Loops({
        machine: this.#options,
        view: this.#view,
        meshKeys: this.#meshKeys,
        firewall: this.#firewall,
        kubernetes: this.#kubernetes,
        onMeshUp: (mtu) => this.#meshIsUp(mtu),
      }),
    );
    this.#resources.use(await this.#localApi());
    await this.#driver.feed({ kind: "wake" });
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
        return this.#loops?.pokeMembers();
      case "application":
        this.#hearApplicant(effect.applicant);
        return this.#loops?.controlPlane.poke();
      case "epoch":
        logger.info("initialiser of Kubernetes", { epoch: effect.epoch, initialiser: effect.initialiser });
        return this.#loops?.pokeMembers();
      case "established":
        steps.reach("established");
        logger.info("established", { epoch: effect.established.epoch });
        this.#loops?.time.poke();
        return this.#loops?.pokeMembers();
      case "member-changed":
        logger.info("member", {
          node: nodeName(effect.member.nodeId),
          status: effect.member.status,
          was: effect.previous,
        });
        return this.#loops?.pokeMembers();
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
        return this.#loops?.pokeMembers();
      case "message":
        return;
      default:
        effect satisfies never;
    }
  }

  #hearApplicant({ nodeId, hasJoinKey }: ApplicantView): void {
    const { controlPlane } = this.#kubernetes;
    if (hasJoinKey && this.#options.config.admission !== "approve") controlPlane.apply(nodeId);
    else controlPlane.wait(nodeId);
  }

  #membersChanged(): void {
    this.#loops?.pokeMembers();
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
    await this.#loops?.[Symbol.asyncDispose]();
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

  #localApi(): Promise<AsyncDisposable> {
    const { settings, logger } = this.#options;
    return serveLocalApi({
      sockets: settings.sockets,
      answers: localAnswers({
        machine: this.#options,
        protocol: this.#protocol,
        view: this.#view,
        kubernetes: this.#kubernetes,
        firewall: this.#firewall,
        feed: (input) => this.#driver.feed(input),
        meshMtu: () => this.#meshMtu,
        interfaces: () => this.#network?.interfaces().map(({ name }) => name) ?? [],
        stopLoops: () => this.#stopLoops(),
        membersChanged: () => this.#membersChanged(),
      }),
      logger: logger.child({ part: "local-api" }),
    });
  }
}

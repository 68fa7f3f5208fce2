import type { KubernetesState, Retiring } from "@cluster-os/api";
import { ringKeyNumber } from "@cluster-os/admission";
import {
  describeDiagnostic,
  type ApplicantView,
  type NodeProtocol,
  type NodeProtocolInput,
} from "@cluster-os/formation";
import { nodeName } from "@cluster-os/identity";
import { WireGuardKeyFiles } from "@cluster-os/identity/drivers";
import { openNetwork, type Network } from "@cluster-os/membership/drivers";
import { isUnderlayInterface } from "@cluster-os/mesh";
import { describeError } from "@cluster-os/std";
import { readFileIfExists } from "@cluster-os/std/drivers";
import type { DaemonOptions } from "./daemon-options.ts";
import { DEFAULT_GOSSIP_PORT, describeMachine, type Role } from "./description.ts";
import { FirewallController } from "./firewall/firewall-controller.ts";
import { departureOf } from "./departure/of-machine.ts";
import { endWork } from "./end-of-work.ts";
import { KubernetesPart } from "./kubernetes/part.ts";
import { localAnswers } from "./local-answers.ts";
import { serveLocalApi, type LocalApiAnswers } from "./local-api.ts";
import { Loops } from "./loops.ts";
import { renderMetrics } from "./metrics.ts";
import { MeshKeys } from "./mesh-keys.ts";
import { openProtocol } from "./open-protocol.ts";
import { ProtocolDriver, type OuterEffect } from "./protocol-driver.ts";
import { startRehearsal } from "./rehearsal.ts";
import { autopilotPolicy } from "./server/autopilot-policy.ts";
import { SelfPortrait } from "./self-portrait.ts";
import { StateFile } from "./state-file.ts";
import { trustOf } from "./trust.ts";
import { View } from "./view.ts";

/** Each is said once of a member; the counters of `status` have how often. */
const MISCONDUCT = {
  news: "a member says of others what is not signed by them; it is refused",
  fact: "a member hands on a record that is not genuine; it is refused",
  forged: "messages in the name of this member are not its own; they are refused",
} as const;

/** After these this machine does nothing more for the cluster. */
const END_WORK: readonly string[] = ["revoked", "identity-yielded"];

/**
 * One machine's bootstrap, put together: the protocol, and the loops that make the machine what the protocol says it is.
 * Each loop looks at the whole state, so the order in which they run does not matter.
 */
export class Daemon implements AsyncDisposable {
  readonly #options: DaemonOptions;
  readonly #resources = new AsyncDisposableStack();
  readonly #protocol: NodeProtocol;
  readonly #view: View;
  readonly #stateFile: StateFile;
  readonly #kubernetes: KubernetesPart;
  readonly #firewall: FirewallController;
  readonly #meshKeys: MeshKeys;
  #driver!: ProtocolDriver;
  #answers!: LocalApiAnswers;
  #network: Network | undefined;
  #loops: Loops | undefined;
  #meshMtu: number | undefined;
  readonly #portrait: SelfPortrait;

  private constructor(options: DaemonOptions, state: Uint8Array | undefined) {
    const { config, keys, rng, clock } = options;
    this.#options = options;
    this.#portrait = new SelfPortrait(options);
    this.#meshKeys = new MeshKeys({
      nodeId: keys.identity.nodeId,
      current: keys.wireguard,
      files: new WireGuardKeyFiles(options.settings.identityFolder, rng, () => clock.wallTime()),
      onAnnounced: () => this.#tell(),
      onSwitched: () => this.#loops?.mesh.poke(),
      logger: options.logger.child({ part: "mesh" }),
    });
    const told = { role: undefined, kubernetes: this.#portrait.kubernetes, keys: this.#meshKeys.described() };
    this.#protocol = openProtocol(options, describeMachine(options, told), state);
    this.#view = new View(this.#protocol);
    this.#stateFile = new StateFile({ path: options.settings.protocolStatePath, logger: options.logger });
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
        metrics: async () => renderMetrics(await this.#answers.status()),
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
    const { clock, logger, steps } = this.#options;
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
      stateFile: this.#stateFile,
      send: (to: string, bytes: Uint8Array) => network.send(to, bytes),
      multicast: (bytes: Uint8Array) => network.multicast(bytes),
      notify: (effect: OuterEffect) => this.#notify(effect),
    };
    this.#driver = new ProtocolDriver({ protocol: this.#protocol, outlets, clock, logger });
    this.#resources.use(this.#driver);
    steps.reach("searching");
    this.#resources.use(startRehearsal(this.#options));
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
        if (END_WORK.includes(effect.diagnostic.kind)) this.#endWork();
        return;
      case "misconduct":
        return logger.warn(MISCONDUCT[effect.what], { node: nodeName(effect.nodeId), from: effect.from });
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

  /** This machine is no member any more. It goes on only to say so, on its local API. */
  #endWork(): void {
    const { mesh, logger } = this.#options;
    const work = {
      stopLoops: () => this.#stopLoops(),
      haltKubernetes: (signal: AbortSignal) => this.#kubernetes.halt(signal),
      stopMesh: (signal: AbortSignal) => {
        this.#meshMtu = undefined;
        return mesh.remove(signal);
      },
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
    this.#portrait.kubernetes = { state, epoch };
    this.#tell();
  }

  #tell(): void {
    const description = this.#portrait.news(this.#role(), this.#meshKeys.described());
    if (!description) return;
    void this.#driver.feed({ kind: "describe", description });
    if (this.#portrait.kubernetes.state === "ready") this.#loops?.controlPlane.poke();
  }

  #role(): Role | undefined {
    if (this.#view.selfIndex === undefined) return undefined;
    return this.#kubernetes.role;
  }

  async #localApi(): Promise<AsyncDisposable> {
    const { settings, logger } = this.#options;
    const parts = {
      machine: this.#options,
      protocol: this.#protocol,
      view: this.#view,
      kubernetes: this.#kubernetes,
      firewall: this.#firewall,
      feed: (input: NodeProtocolInput) => this.#driver.feed(input),
      stopLoops: () => this.#stopLoops(),
    };
    const retire = (how: Retiring | undefined): void => {
      this.#portrait.retiring = how;
      this.#tell();
    };
    const departure = departureOf({ ...parts, retire });
    this.#answers = localAnswers({
      ...parts,
      departure,
      stateFile: this.#stateFile,
      meshMtu: () => this.#meshMtu,
      interfaces: () => this.#network?.interfaces().map(({ name }) => name) ?? [],
      membersChanged: () => this.#membersChanged(),
    });
    const served = await serveLocalApi({
      sockets: settings.sockets,
      answers: this.#answers,
      logger: logger.child({ part: "local-api" }),
    });
    // Its end is the end of this process, which begins anew after a failure.
    void departure
      .resume(new AbortController().signal)
      .catch((error: unknown) => logger.error("departure failed", { error: describeError(error) }));
    return served;
  }
}

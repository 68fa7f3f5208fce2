import { NAMESPACE, serverUser, SERVERS_GROUP } from "@cluster-os/api";
import type { AuditEvent } from "@cluster-os/admission";
import type { AutopilotPlan } from "@cluster-os/election";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { Distribution } from "@cluster-os/kubernetes";
import type { KubeClient } from "@cluster-os/kube";
import { MAX_INDEX } from "@cluster-os/mesh";
import { describeError, type Clock, type Logger, type Rng } from "@cluster-os/std";
import { JoinSlot } from "../kubernetes/join-slot.ts";
import { PeerApiError } from "../peer-api/protocol.ts";
import type { View } from "../view.ts";
import { takeIndex } from "./admissions.ts";
import { MAX_PENDING } from "./applicants.ts";
import { Autopilot, type AutopilotOptions, type AutopilotView } from "./autopilot.ts";
import { eventsOf, type AutopilotAct } from "./autopilot-events.ts";
import { ClusterObjects } from "./cluster-objects.ts";
import { Desk, type Trust } from "./desk.ts";
import { install, readInstalled, readManifests } from "./installation.ts";
import { isInstallationDue } from "./installation-plan.ts";
import { openKube } from "./kube.ts";
import { HeldLease } from "./leadership.ts";
import { NodeEvents } from "./node-events.ts";
import { RolesObject } from "./roles-object.ts";

/** A server's certificate is issued again at each start of bootstrap, and well before its end while it runs. */
const KUBECONFIG_VALIDITY_HOURS = 24;
const KUBECONFIG_RENEWAL_MS = 12 * 3600 * 1000;

export interface ControlPlaneOptions {
  readonly distribution: Distribution;
  readonly view: View;
  readonly self: NodeId;
  /** Where this server's own kubeconfig is kept (0600). */
  readonly kubeconfigPath: string;
  /** What the package brings to run in the cluster. */
  readonly manifestsPath: string;
  /** Whether this machine's API server answers. */
  readonly isReady: () => boolean;
  readonly trust: Trust;
  /** How many times slower than usual the machines are. */
  readonly patience: number;
  /** What autopilot sees of the cluster, and how its decisions get about. */
  readonly autopilot: Omit<AutopilotOptions, "bury" | "tell" | "record" | "clock" | "logger">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/**
 * What the bootstrap of a server does with the Kubernetes API, under an identity of its own (group cluster-os:servers)
 * that may do just this: admit nodes, keep their objects, and give out join slots.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #applicants = new Set<NodeId>();
  readonly #pending = new Set<NodeId>();
  #kube: KubeClient | undefined;
  #kubeOpenedAt = 0;
  #slot: JoinSlot | undefined;
  #lease: HeldLease | undefined;
  #objects: ClusterObjects | undefined;
  #desk: Desk | undefined;
  #events: NodeEvents | undefined;
  #roles: RolesObject | undefined;
  readonly #autopilot: Autopilot;
  #isLeader = false;
  #isGoing = false;
  /** Whether this process has seen that what it brings is installed, or something newer. */
  #isInstalled = false;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    const { distribution, clock, logger } = options;
    this.#autopilot = new Autopilot({
      ...options.autopilot,
      bury: (name, signal) => distribution.removeMember(name, signal),
      tell: (act) => this.#tell(act),
      record: (event, at) => this.record(event, { at, by: "autopilot" }),
      clock,
      logger,
    });
  }

  /** What autopilot wants, as this server sees it; undefined while it is no ready one. */
  get autopilot(): AutopilotView | undefined {
    return this.#options.isReady() ? this.#autopilot.view : undefined;
  }

  /** Whether this ready server holds the control Lease. */
  get leads(): boolean {
    return this.#options.isReady() && this.#isLeader;
  }

  /** What autopilot would do if this machine were to serve no more; undefined while it cannot tell. */
  considerRetirement(mayReduce: boolean): AutopilotPlan | undefined {
    const { isReady, self } = this.#options;
    return isReady() ? this.#autopilot.considerRetirement(self, mayReduce) : undefined;
  }

  /** The API, while this machine is a ready server. */
  get kube(): KubeClient | undefined {
    return this.#options.isReady() ? this.#kube : undefined;
  }

  get slot(): JoinSlot | undefined {
    return this.kube && this.#slot;
  }

  /** A node with the join key asks to be admitted; it is in the next round. */
  apply(nodeId: NodeId): void {
    this.#applicants.add(nodeId);
  }

  /** An application came that needs a person. */
  wait(nodeId: NodeId): void {
    if (this.#pending.size < MAX_PENDING) this.#pending.add(nodeId);
  }

  /** For what only a server does, at a person's request. Throws a PeerApiError that says where, or when. */
  get desk(): Desk {
    this.requireKube();
    // Opened together with the API.
    return this.#desk as Desk;
  }

  /** The API, or a PeerApiError that says where it is to be asked, or when. */
  requireKube(): KubeClient {
    const { view, self } = this.#options;
    if (!view.isServer(self)) {
      const names = view.servers.filter((server) => !view.isRevoked(server)).map(nodeName);
      throw new PeerApiError(
        409,
        `only a control-plane server does this, so that no other machine can; run it on ${names.join(" or ")}`,
      );
    }
    const { kube } = this;
    if (kube) return kube;
    throw new PeerApiError(
      503,
      "this server's Kubernetes does not answer yet, and what is decided is kept there",
    );
  }

  /** Puts into the audit log what this server does, or lets another machine do. Nothing where it is no ready one. */
  async record(event: AuditEvent, { by, at = this.#options.clock.wallTime() }: { by: string; at?: number }) {
    const server = nodeName(this.#options.self);
    if (this.kube) await this.#desk?.note([{ event, at, by: `${by}, on ${server}` }]);
  }

  async round(signal: AbortSignal): Promise<void> {
    if (!this.#options.isReady()) return;
    const kube = await this.#open(signal);
    const { view } = this.#options;
    for (const nodeId of this.#applicants) {
      await this.#options.trust.admit(nodeId, await takeIndex(kube, nodeId, MAX_INDEX, view.roster()));
      this.#applicants.delete(nodeId);
    }
    for (const nodeId of this.#pending) this.#desk?.applicants.wait(nodeId);
    this.#pending.clear();
    await this.#desk?.applicants.ask(this.#options.clock.wallTime());
    await this.#lead(signal);
  }

  /** Only the holder of the control Lease writes what concerns all nodes. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (this.#isGoing) return;
    const isLeader = (await this.#lease?.tryHold(clock.now(), clock.wallTime())) ?? false;
    if (isLeader !== this.#isLeader) logger.info(isLeader ? "leads the cluster's objects" : "follows");
    if (isLeader && !this.#isLeader) {
      this.#objects?.restart();
      this.#desk?.restart();
    }
    this.#isLeader = isLeader;
    // Before what takes longer: a lost server is not to wait for it.
    await this.#keepRoles(isLeader, signal);
    if (!isLeader) return;
    if ((await this.#desk?.round(clock.wallTime())) === false) return this.#abdicate();
    await this.#objects?.round(clock.wallTime());
    if (!this.#isInstalled) await this.#install();
  }

  /** This server is revoked: the next one to lead takes it out. */
  async #abdicate(): Promise<void> {
    this.#isGoing = true;
    this.#isLeader = false;
    await this.#lease?.release();
  }

  async #keepRoles(isLeader: boolean, signal: AbortSignal): Promise<void> {
    const { view } = this.#options;
    const roles = this.#roles;
    if (!roles || !view.epoch.isEstablished) return;
    const store = {
      read: () => roles.read({ epoch: view.rolesEpoch, servers: view.servers }),
      decide: (next: Parameters<RolesObject["decide"]>[0]) => roles.decide(next),
      retiring: () => roles.retiring(),
      kubelets: () => roles.kubelets(),
    };
    try {
      await this.#autopilot.round(store, isLeader, signal);
    } catch (error) {
      // What else a leader does for the nodes does not rest on it.
      this.#options.logger.warn("autopilot's round failed", { error: describeError(error) });
    }
  }

  async #tell(act: AutopilotAct): Promise<void> {
    // Whoever was to join and does not keeps nobody else from it.
    if (act.action.kind === "withdraw") await this.#slot?.release(act.action.nodeId);
    for (const event of eventsOf(act)) await this.#events?.tell(event.node, event.act);
  }

  /** After an upgrade of the package the first leader with the new one installs what it brings. */
  async #install(): Promise<void> {
    const { distribution, manifestsPath, logger } = this.#options;
    const manifests = await readManifests(manifestsPath);
    const installed = this.#kube && (await readInstalled(this.#kube));
    if (isInstallationDue(installed, manifests)) {
      logger.info("installing", { version: manifests.version, digest: manifests.digest, installed });
      await createBaseObjects(distribution, manifestsPath, this.#options.patience);
    }
    this.#isInstalled = true;
  }

  async #open(signal: AbortSignal): Promise<KubeClient> {
    const { clock, rng, distribution, self, kubeconfigPath, view, logger } = this.#options;
    if (this.#kube && clock.now() - this.#kubeOpenedAt < KUBECONFIG_RENEWAL_MS) return this.#kube;
    const request = {
      commonName: serverUser(nodeName(self)),
      organizations: [SERVERS_GROUP],
      validityHours: KUBECONFIG_VALIDITY_HOURS,
      path: kubeconfigPath,
    };
    await distribution.issueKubeconfig(request, signal);
    const kube = await openKube(kubeconfigPath, this.#options.patience);
    const { addressPlan } = view;
    if (!addressPlan) throw new Error("a server without an address plan");
    const roster = () => view.roster();
    const removeMember = (name: string) =>
      distribution.removeMember(name, AbortSignal.timeout(30_000 * this.#options.patience));
    const holder = nodeName(self);
    const events = new NodeEvents({ kube, instance: holder, clock, rng, logger });
    this.#events = events;
    this.#roles = new RolesObject(kube);
    this.#objects = new ClusterObjects({
      kube,
      events,
      addressPlan,
      roster,
      isServer: (nodeId) => view.isServer(nodeId),
      exposedBy: () => this.#desk?.revocations.exposedBy ?? [],
      removeMember,
      logger,
    });
    this.#desk = new Desk({
      kube,
      trust: this.#options.trust,
      view,
      self,
      events,
      etcdMembers: async () =>
        (await distribution.status(AbortSignal.timeout(4_000 * this.#options.patience))).etcdMembers,
      removeMember,
      rng,
      logger,
    });
    this.#lease = new HeldLease({
      kube,
      namespace: NAMESPACE,
      name: "bootstrap-control",
      holder,
      durationSeconds: 8 * this.#options.patience,
    });
    this.#slot = new JoinSlot(kube, clock);
    this.#isLeader = false;
    this.#kubeOpenedAt = clock.now();
    this.#kube = kube;
    return kube;
  }
}

/**
 * By the initialiser, and after an upgrade by the leader, with the administrator's access: namespace, custom resource
 * definitions, the rights of the servers' bootstrap, and what the package brings to run in the cluster. Nothing else here
 * uses the administrator's access; only it can give rights that nobody had before.
 */
export async function createBaseObjects(
  distribution: Distribution,
  manifestsPath: string,
  patience: number,
): Promise<void> {
  using kube = await openKube(distribution.adminKubeconfig(), patience);
  await install(kube, await readManifests(manifestsPath), patience);
}

import { isDeepStrictEqual } from "node:util";
import {
  durationSeconds,
  MANAGED_BY,
  NAMESPACE,
  readSlurmConfig,
  readSlurmKeys,
  readSlurmLease,
  ROTATE_KEYS_ANNOTATION,
  SLURM_CLUSTER_API_VERSION,
  SLURM_CLUSTER_DEFAULTS,
  SLURM_CLUSTER_NAME,
  SlurmCluster,
  SlurmClusterSpecSchema,
  slurmConfigName,
  slurmConfigObject,
  slurmKeysName,
  slurmKeysObject,
  slurmLeaseName,
  slurmLeaseObject,
  type ClusterNodeObject,
  type SlurmClusterObject,
  type SlurmClusterSpec,
  type SlurmConfig,
  type SlurmKeys,
} from "@cluster-os/api";
import {
  microTime,
  resourceOfDefinition,
  RESOURCES,
  when,
  type ConfigMap,
  type EventRecorder,
  type KubeClient,
  type KubeError,
  type Lease,
  type Node,
  type Resource,
  type Secret,
  type Store,
} from "@cluster-os/kube";
import { again, DONE, type Outcome } from "@cluster-os/reconcile";
import { ConfigurationError, renderConfig, slurmNodeOf } from "@cluster-os/slurm";
import { compareText, type Clock, type Logger, type Rng } from "@cluster-os/std";
import { keysAfter } from "./keys-after.ts";
import { planController, type ControllerAction, type ControllerObserved } from "./plan/controller.ts";
import { nextKeysLookMs, planKeys } from "./plan/keys.ts";
import { hasLabels, machineOf, type Machine } from "./plan/machine.ts";
import { planStatus } from "./plan/status.ts";
import { keepRestEndpoints } from "./rest-endpoints.ts";
import { revocationsDigest } from "./revocations.ts";
import type { Silence } from "./silence.ts";
import { Vacancy } from "./vacancy.ts";

export const SLURM_CLUSTER: Resource<SlurmClusterObject> =
  resourceOfDefinition<SlurmClusterObject>(SlurmCluster);
const FIELD_MANAGER = "cluster-os-slurm-operator";
const NAME = SLURM_CLUSTER_NAME;
/** Somebody else wrote the Lease at the same moment: by then the other write is done. */
const AFTER_CONFLICT_MS = 200;
const NOT_SILENT: Pick<ControllerObserved, "isSilent" | "isSilentLong"> = {
  isSilent: false,
  isSilentLong: false,
};

export interface SlurmReconcilerOptions {
  readonly client: KubeClient;
  readonly slurmClusters: Pick<Store<SlurmClusterObject>, "get">;
  readonly clusterNodes: Pick<Store<ClusterNodeObject>, "list">;
  readonly nodes: Pick<Store<Node>, "get">;
  readonly leases: Pick<Store<Lease>, "get">;
  /** What says that nodes are revoked. */
  readonly revocations: Pick<Store<ConfigMap>, "list">;
  readonly silence: Silence;
  readonly events: Pick<EventRecorder, "record">;
  readonly patience: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** What one look has found. */
interface Seen {
  readonly cluster: SlurmClusterObject;
  readonly spec: SlurmClusterSpec;
  readonly machines: readonly Machine[];
  readonly nowMs: number;
}

/** Looks at the SlurmCluster and all machines, plans, acts, tells. There is one, so the key tells nothing. */
export class SlurmReconciler {
  readonly #options: SlurmReconcilerOptions;
  readonly #vacancy = new Vacancy();

  constructor(options: SlurmReconcilerOptions) {
    this.#options = options;
  }

  readonly reconcile = async (_key: string, signal: AbortSignal): Promise<Outcome> => {
    const { slurmClusters, silence, clock } = this.#options;
    const cluster = slurmClusters.get(NAME);
    this.#vacancy.saw(cluster !== undefined, clock.now());
    if (!cluster) return this.#makeDefault(signal);
    const parsed = SlurmClusterSpecSchema.safeParse(cluster.spec ?? {});
    const spec = parsed.data ?? SLURM_CLUSTER_DEFAULTS;
    const machines = this.#machines().filter((machine) => hasLabels(machine, spec.nodeLabels));
    const seen: Seen = { cluster, spec, machines, nowMs: Math.floor(clock.wallTime()) };
    // First what nobody can submit a job without; each of these calls may be the one that an API that stumbles keeps waiting.
    const conflictMs = parsed.success ? await this.#keepController(seen, signal) : undefined;
    const config = await this.#configure(seen, signal);
    const keys = parsed.success ? await this.#keepKeys(seen, signal) : undefined;
    await this.#tell(seen, config, keys?.keys, signal);
    if (parsed.success) await this.#leadRest(seen, signal);
    const looks = [keys?.lookAgainMs, conflictMs, silence.lookAgainMs(clock.now())].filter(
      (ms) => ms !== undefined,
    );
    return looks.length === 0 ? DONE : again(Math.min(...looks));
  };

  /** Without any, SLURM is on every machine. A person's own takes its place by an apply. */
  async #makeDefault(signal: AbortSignal): Promise<Outcome> {
    const { client, clock, logger } = this.#options;
    const waitMs = this.#vacancy.waitMs(clock.now());
    if (waitMs > 0) return again(waitMs);
    const metadata = { name: NAME, labels: MANAGED_BY };
    const object = {
      apiVersion: SLURM_CLUSTER_API_VERSION,
      kind: "SlurmCluster",
      metadata,
      spec: {},
    } as const;
    // Somebody was faster, or the cache has not seen our own yet: either will be seen.
    const isThere = ({ reason }: KubeError): boolean => reason === "AlreadyExists";
    await client.create(SLURM_CLUSTER, object, { signal }).catch(when(isThere, undefined));
    logger.info("made the default SlurmCluster", {});
    return DONE;
  }

  #machines(): readonly Machine[] {
    const { clusterNodes, nodes } = this.#options;
    return clusterNodes
      .list()
      .map((node) => machineOf(node, nodes.get(node.metadata.name)?.spec?.unschedulable === true))
      .toSorted((one, other) => compareText(one.name, other.name));
  }

  /** The rendered configuration, written where it differs; or why there is none, and then the one before stays. */
  async #configure(
    { cluster }: Seen,
    signal: AbortSignal,
  ): Promise<SlurmConfig | { readonly error: string }> {
    const { client, clusterNodes, logger } = this.#options;
    const known = clusterNodes.list().flatMap((node) => slurmNodeOf(node) ?? []);
    let config: SlurmConfig;
    try {
      config = renderConfig(NAME, cluster.spec, known);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return { error: error.message };
    }
    const ref = { name: slurmConfigName(NAME), namespace: NAMESPACE };
    const present = await client.find(RESOURCES.configMap, ref, { signal });
    if (isDeepStrictEqual(readSlurmConfig(present), config)) return config;
    const options = { fieldManager: FIELD_MANAGER, force: true, signal };
    await client.apply(RESOURCES.configMap, slurmConfigObject(NAME, config), options);
    logger.info("rendered the configuration", { hash: config.hash });
    this.#record(cluster, "ConfigRendered", `configuration ${config.hash} is ready for the controller`);
    return config;
  }

  async #keepKeys({ cluster, spec, machines, nowMs }: Seen, signal: AbortSignal) {
    const { client, revocations, rng, patience, logger } = this.#options;
    const ref = { name: slurmKeysName(NAME), namespace: NAMESPACE };
    const secret = await client.find<Secret>(RESOURCES.secret, ref, { signal });
    const keys = readSlurmKeys(secret);
    // Somebody else's, or broken: a new one over it would end what still works. The condition says so.
    if (secret && !keys) return { keys: undefined, lookAgainMs: undefined };
    const observed = {
      keys,
      auth: spec.auth,
      rotationSeconds: durationSeconds(spec.keys.rotationInterval) ?? Infinity,
      asked: cluster.metadata.annotations?.[ROTATE_KEYS_ANNOTATION] ?? "",
      revocations: revocationsDigest(revocations.list()),
      machines,
      nowMs,
      patience,
    };
    const action = planKeys(observed);
    const lookAgainMs = nextKeysLookMs(observed);
    if (action === undefined) return { keys, lookAgainMs };
    const after = keysAfter(action, observed, rng);
    const object = slurmKeysObject(NAME, after.keys);
    const { resourceVersion } = secret?.metadata ?? {};
    // At the version that was looked at: two who rotate at once would hand out two keys.
    if (resourceVersion === undefined) await client.create(RESOURCES.secret, object, { signal });
    else {
      const metadata = { ...object.metadata, resourceVersion };
      await client.replace(RESOURCES.secret, { ...object, metadata }, { signal });
    }
    logger.info("acted on the keys", { action: action.kind });
    this.#record(cluster, after.reason, after.note);
    return { keys: after.keys, lookAgainMs: nextKeysLookMs({ ...observed, keys: after.keys }) };
  }

  /**
   * Writes the Lease if it is to be another one. Returns in how many milliseconds to look again when somebody else wrote
   * it at the same moment: its holder renews it every few seconds, which is no failure.
   */
  async #keepController(seen: Seen, signal: AbortSignal): Promise<number | undefined> {
    const { client, leases, silence, clock } = this.#options;
    const cached = leases.get(`${NAMESPACE}/${slurmLeaseName(NAME)}`);
    const now = clock.now();
    const silent = { isSilent: silence.isSilent(now), isSilentLong: silence.isSilentLong(now) };
    if (this.#planController(seen, cached, silent) === undefined) return undefined;
    // A cache lags behind renewals: what is written follows on what is there now.
    const ref = { name: slurmLeaseName(NAME), namespace: NAMESPACE };
    const present = await client.find(RESOURCES.lease, ref, { signal });
    const isSame = present?.metadata.resourceVersion === cached?.metadata.resourceVersion;
    const action = this.#planController(seen, present, isSame ? silent : NOT_SILENT);
    if (action === undefined) return undefined;
    const isWritten = await this.#writeLease(seen, present, action, signal);
    return isWritten ? undefined : AFTER_CONFLICT_MS;
  }

  #planController(
    { spec, machines, nowMs }: Seen,
    present: Lease | undefined,
    silent: typeof NOT_SILENT,
  ): ControllerAction | undefined {
    const lease = readSlurmLease(present);
    if (!present || lease)
      return planController({ policy: spec.controller, machines, lease, ...silent, nowMs });
    this.#options.logger.warn("the controller's Lease cannot be read: nobody is named", {});
    return undefined;
  }

  async #writeLease(
    { cluster, nowMs }: Seen,
    present: Lease | undefined,
    { lease, reason }: ControllerAction,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, logger } = this.#options;
    const isNew = lease.epoch !== readSlurmLease(present)?.epoch;
    const wished = isNew ? { ...lease, renewTime: microTime(nowMs) } : lease;
    const object = slurmLeaseObject(NAME, wished, present?.metadata.resourceVersion);
    const written = present
      ? client.replace(RESOURCES.lease, object, { signal })
      : client.create(RESOURCES.lease, object, { signal });
    const isTaken = ({ isConflict, reason: why }: KubeError): boolean =>
      isConflict || why === "AlreadyExists";
    if ((await written.catch(when(isTaken, undefined))) === undefined) return false;
    const { holder, epoch } = wished;
    logger.info("wrote the controller's lease", { holder, epoch, reason });
    const event = isNew
      ? { reason: "ControllerNominated", note: `${holder} is controller in epoch ${epoch}: ${reason}` }
      : { reason: "ControllerTold", note: `${holder}: ${reason}` };
    this.#record(cluster, event.reason, event.note);
    return true;
  }

  /** Pods find SLURM's REST API on the machine that the Lease names, and nowhere while it is off. */
  async #leadRest({ spec, machines }: Seen, signal: AbortSignal): Promise<void> {
    const { client, leases } = this.#options;
    const holder = readSlurmLease(leases.get(`${NAMESPACE}/${slurmLeaseName(NAME)}`))?.holder;
    const address = spec.rest.enabled ? machines.find(({ name }) => name === holder)?.address : undefined;
    await keepRestEndpoints(client, address, { fieldManager: FIELD_MANAGER, signal });
  }

  async #tell(
    { cluster, machines, nowMs }: Seen,
    config: SlurmConfig | { readonly error: string },
    keys: SlurmKeys | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, leases, silence, clock } = this.#options;
    const { apiVersion, kind, metadata, status: before } = cluster;
    const status = planStatus({
      before,
      generation: metadata.generation ?? 0,
      machines,
      lease: readSlurmLease(leases.get(`${NAMESPACE}/${slurmLeaseName(NAME)}`)),
      isSilent: silence.isSilent(clock.now()),
      isSilentLong: silence.isSilentLong(clock.now()),
      config: "hash" in config ? config : undefined,
      configError: "error" in config ? config.error : undefined,
      keys,
      nowIso: new Date(Math.floor(nowMs / 1000) * 1000).toISOString().replace(".000Z", "Z"),
    });
    if (isDeepStrictEqual(before, status)) return;
    const { name, uid } = metadata;
    const object = { apiVersion, kind, metadata: { name, ...(uid !== undefined && { uid }) }, status };
    const options = { fieldManager: FIELD_MANAGER, force: true, subresource: "status", signal };
    await client.apply(SLURM_CLUSTER, object, options);
    for (const { type, status: now, reason, message } of status.conditions ?? []) {
      const was = before?.conditions?.find((condition) => condition.type === type)?.status;
      if (was === now) continue;
      this.#record(cluster, reason, `${type} is ${now}: ${message}`, was === "True" ? "Warning" : "Normal");
    }
  }

  #record(
    cluster: SlurmClusterObject,
    reason: string,
    note: string,
    type: "Normal" | "Warning" = "Normal",
  ): void {
    this.#options.events.record(cluster, { type, reason, action: "Reconcile", note });
  }
}

import {
  NAMESPACE,
  SlurmCluster,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  SLURM_CLUSTER_NAME,
  type SlurmClusterObject,
} from "@cluster-os/api";
import {
  Informer,
  microTime,
  resourceOfDefinition,
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type Lease,
  type Resource,
} from "@cluster-os/kube";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { SlurmKube } from "../slurm/controller-role.ts";

const NAME = SLURM_CLUSTER_NAME;
const SLURM_CLUSTERS = resourceOfDefinition<SlurmClusterObject>(SlurmCluster);

/** How long a renewal may take; the fencer has a deadline, so a late one is worth nothing. */
const RENEWAL_TIMEOUT_MS = 2000;

export interface SlurmWatchOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Watches what the API has of SLURM: four objects, by name. */
export class SlurmWatch implements SlurmKube, Disposable {
  readonly #client: KubeClient;
  readonly #cluster: Informer<SlurmClusterObject>;
  readonly #config: Informer<KubeObject>;
  readonly #keys: Informer<KubeObject>;
  readonly #lease: Informer<Lease>;
  /** The Lease as it was renewed last; the watch tells the same a moment later. */
  #renewed: Lease | undefined;

  constructor({ client, clock, rng, logger }: SlurmWatchOptions) {
    this.#client = client;
    const watch = <T extends KubeObject>(resource: Resource<T>, name: string): Informer<T> => {
      const namespace = resource.namespaced ? { namespace: NAMESPACE } : {};
      const selection = { ...namespace, fieldSelector: `metadata.name=${name}` };
      const informer = new Informer<T>({ client, resource, selection, clock, rng, logger });
      informer.start();
      return informer;
    };
    this.#cluster = watch(SLURM_CLUSTERS, NAME);
    this.#config = watch<KubeObject>(RESOURCES.configMap, slurmConfigName(NAME));
    this.#keys = watch<KubeObject>(RESOURCES.secret, slurmKeysName(NAME));
    this.#lease = watch<Lease>(RESOURCES.lease, slurmLeaseName(NAME));
  }

  seen() {
    const informers = [this.#cluster, this.#config, this.#keys, this.#lease];
    if (!informers.every(({ hasSynced }) => hasSynced)) return undefined;
    return {
      cluster: this.#cluster.store.list()[0],
      config: this.#config.store.list()[0],
      keys: this.#keys.store.list()[0],
      lease: this.#newestLease(),
    };
  }

  async renewController(wallTimeMs: number, isGivenBack: boolean, signal: AbortSignal): Promise<void> {
    const before = this.#newestLease();
    if (!before) throw new Error("the Lease of SLURM's controller is not there");
    const holderIdentity = isGivenBack ? "" : (before.spec?.holderIdentity ?? "");
    // All else stays as it was: who may hold it, and in which epoch, is not for its holder to say.
    const spec = { ...before.spec, holderIdentity, renewTime: microTime(wallTimeMs) };
    const options = { signal, timeoutMs: RENEWAL_TIMEOUT_MS };
    this.#renewed = await this.#client.replace(RESOURCES.lease, { ...before, spec }, options);
  }

  [Symbol.dispose](): void {
    for (const informer of [this.#cluster, this.#config, this.#keys, this.#lease]) void informer.stop();
  }

  #newestLease(): Lease | undefined {
    const watched = this.#lease.store.list()[0];
    return versionOf(this.#renewed) > versionOf(watched) &&
      this.#renewed?.metadata.uid === watched?.metadata.uid
      ? this.#renewed
      : watched;
  }
}

function versionOf(lease: Lease | undefined): number {
  return Number(lease?.metadata.resourceVersion ?? 0);
}

import { isDeepStrictEqual } from "node:util";
import {
  NAMESPACE,
  readSlurmKeys,
  SLURM_CLUSTER_NAME,
  SlurmClusterSpecSchema,
  slurmKeysName,
  SlurmToken,
  slurmTokenSecretObject,
  type ClusterNodeObject,
  type SlurmClusterObject,
  type SlurmTokenObject,
  type SlurmTokenStatus,
} from "@cluster-os/api";
import {
  KubeError,
  resourceOfDefinition,
  RESOURCES,
  type KubeClient,
  type Resource,
  type Secret,
  type Store,
} from "@cluster-os/kube";
import { again, DONE, type Outcome } from "@cluster-os/reconcile";
import { signToken } from "@cluster-os/slurm";
import type { Clock, Logger } from "@cluster-os/std";
import { beginning, planToken, type TokenPlan } from "./plan/token.ts";

export const SLURM_TOKEN: Resource<SlurmTokenObject> = resourceOfDefinition<SlurmTokenObject>(SlurmToken);
const FIELD_MANAGER = "cluster-os-slurm-operator";
/** A Secret that somebody changed or deleted is as it should be after so long, in milliseconds. */
const REPAIRED_MS = 600_000;
/** The API server changes no Secret's type. */
const INVALID = 422;

export interface TokenReconcilerOptions {
  readonly client: KubeClient;
  readonly tokens: Pick<Store<SlurmTokenObject>, "get">;
  readonly slurmClusters: Pick<Store<SlurmClusterObject>, "get">;
  readonly clusterNodes: Pick<Store<ClusterNodeObject>, "get">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the Secret of each SlurmToken. It reads none of them: the same claims and key give the same token, so it is written again as it
 * should be, which changes nothing where it is so.
 */
export class TokenReconciler {
  readonly #options: TokenReconcilerOptions;

  constructor(options: TokenReconcilerOptions) {
    this.#options = options;
  }

  /** `key` is NAMESPACE/NAME. */
  readonly reconcile = async (key: string, signal: AbortSignal): Promise<Outcome> => {
    const { tokens, slurmClusters, clock } = this.#options;
    const token = tokens.get(key);
    // What goes takes its Secret with it.
    if (!token || token.metadata.deletionTimestamp !== undefined) return DONE;
    const cluster = slurmClusters.get(SLURM_CLUSTER_NAME);
    const keys = await this.#keys(signal);
    const observed = {
      spec: token.spec,
      generation: token.metadata.generation ?? 0,
      before: token.status,
      cluster: cluster && SlurmClusterSpecSchema.safeParse(cluster.spec ?? {}).data,
      keyGeneration: keys?.current.generation,
      believedGeneration: this.#believedGeneration(cluster),
      nowMs: Math.floor(clock.wallTime()),
    };
    const plan = planToken(observed);
    const { claims } = plan;
    if (claims !== undefined && claims !== "nothing" && token.status?.user === undefined)
      await this.#tell(token, beginning(observed, claims), signal);
    const problem = await this.#writeSecret(token, claims, keys?.jwt, signal);
    const { status } = problem === undefined ? plan : planToken({ ...observed, problem });
    await this.#tell(token, status, signal);
    return again(Math.min(plan.lookAgainMs ?? Infinity, REPAIRED_MS));
  };

  #believedGeneration(cluster: SlurmClusterObject | undefined): number | undefined {
    const node = cluster?.status?.activeController?.node;
    const { controller } = (node !== undefined && this.#options.clusterNodes.get(node)?.status?.slurm) || {};
    return controller?.running === true ? controller.tokenKeyGeneration : undefined;
  }

  async #keys(signal: AbortSignal) {
    const ref = { name: slurmKeysName(SLURM_CLUSTER_NAME), namespace: NAMESPACE };
    return readSlurmKeys(await this.#options.client.find<Secret>(RESOURCES.secret, ref, { signal }));
  }

  /** Resolves with what the API server says where it refuses. Where there is to be nothing, a token that was there is taken away. */
  async #writeSecret(
    { metadata, status: before }: SlurmTokenObject,
    claims: TokenPlan["claims"],
    key: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (claims === undefined || (claims === "nothing" && before?.user === undefined)) return undefined;
    const { name, namespace = "default", uid = "" } = metadata;
    const given =
      claims === "nothing" || !key ? undefined : { user: claims.user, token: signToken(claims, key) };
    const object = slurmTokenSecretObject({ name, namespace, uid }, given);
    const options = { fieldManager: FIELD_MANAGER, force: true, signal };
    try {
      await this.#options.client.apply(RESOURCES.secret, object, options);
      return undefined;
    } catch (error) {
      if (!(error instanceof KubeError) || !(error.isForbidden || error.status === INVALID)) throw error;
      return error.message;
    }
  }

  async #tell(
    { apiVersion, kind, metadata, status: before }: SlurmTokenObject,
    status: SlurmTokenStatus,
    signal: AbortSignal,
  ): Promise<void> {
    if (isDeepStrictEqual(before, status)) return;
    const { client, logger } = this.#options;
    const { name, namespace = "default", uid } = metadata;
    const object = {
      apiVersion,
      kind,
      metadata: { name, namespace, ...(uid !== undefined && { uid }) },
      status,
    };
    const options = { fieldManager: FIELD_MANAGER, force: true, subresource: "status", signal };
    await client.apply(SLURM_TOKEN, object, options);
    const [ready] = status.conditions ?? [];
    logger.info("kept a token", { namespace, name, user: status.user ?? "", reason: ready?.reason ?? "" });
  }
}

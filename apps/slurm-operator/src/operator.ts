import { isDeepStrictEqual } from "node:util";
import {
  ClusterNode,
  NAMESPACE,
  REVOKED_LABEL,
  SLURM_CLUSTER_NAME,
  SLURM_OPERATOR_NAME,
  slurmLeaseName,
  type ClusterNodeObject,
  type SlurmClusterObject,
  type SlurmTokenObject,
} from "@cluster-os/api";
import {
  EventRecorder,
  Informer,
  keyOf,
  LeaderElector,
  Manager,
  patientElection,
  resourceOfDefinition,
  RESOURCES,
  type Change,
  type ElectionTimes,
  type KubeObject,
  type ManagedController,
} from "@cluster-os/kube";
import type { OperatorContext } from "@cluster-os/kube/operator";
import { Controller } from "@cluster-os/reconcile/drivers";
import { keepOfClusterNode, keepOfNode } from "./keep.ts";
import { slurmMetrics } from "./metrics.ts";
import { SLURM_CLUSTER, SlurmReconciler } from "./reconciler.ts";
import { Silence } from "./silence.ts";
import { SLURM_TOKEN, TokenReconciler } from "./token-reconciler.ts";

const NAME = "slurmcluster";
const TOKENS_NAME = "slurmtoken";
const PAGE_SIZE = 100;
/**
 * Shorter than Kubernetes' own components take: the machine that is lost may have run slurmctld and the leading operator, and jobs
 * wait for the second replica to lead. One call that is lost with an API server still leaves time for another.
 */
const ELECTION: ElectionTimes = { leaseMs: 10_000, renewDeadlineMs: 7000, retryMs: 1200 };

/** Everything of the operator, ready to run. */
export function createOperator(context: OperatorContext): Manager {
  const { client, metrics, identity, listen, patience = 1, onLost, clock, rng, logger } = context;
  const common = { client, clock, rng, logger };
  const watching = { ...common, metrics: metrics.informers };
  // What is to be watched by name may be allowed by name.
  const slurmClusters = new Informer({
    ...watching,
    resource: SLURM_CLUSTER,
    selection: { fieldSelector: `metadata.name=${SLURM_CLUSTER_NAME}` },
  });
  const clusterNodes = new Informer({
    ...watching,
    resource: resourceOfDefinition<ClusterNodeObject>(ClusterNode),
    keep: keepOfClusterNode,
    pageSize: PAGE_SIZE,
  });
  const nodes = new Informer({
    ...watching,
    resource: RESOURCES.node,
    keep: keepOfNode,
    pageSize: PAGE_SIZE,
  });
  const leases = new Informer({
    ...watching,
    resource: RESOURCES.lease,
    selection: { namespace: NAMESPACE, fieldSelector: `metadata.name=${slurmLeaseName(SLURM_CLUSTER_NAME)}` },
  });
  const revocations = new Informer({
    ...watching,
    resource: RESOURCES.configMap,
    selection: { namespace: NAMESPACE, labelSelector: REVOKED_LABEL },
  });
  const tokens = new Informer<SlurmTokenObject>({ ...watching, resource: SLURM_TOKEN, pageSize: PAGE_SIZE });
  const silence = new Silence(patience);
  const events = new EventRecorder({
    ...common,
    controller: `cluster-os.dev/${SLURM_OPERATOR_NAME}`,
    instance: identity,
  });
  const { reconcile } = new SlurmReconciler({
    ...common,
    slurmClusters: slurmClusters.store,
    clusterNodes: clusterNodes.store,
    nodes: nodes.store,
    leases: leases.store,
    revocations: revocations.store,
    silence,
    events,
    patience,
  });
  const controller = new Controller({
    name: NAME,
    reconcile,
    concurrency: 1,
    timeoutMs: 30_000 * patience,
    clock,
    rng,
    logger,
    metrics: metrics.ofController(NAME),
  });
  const look = (): void => controller.enqueue(SLURM_CLUSTER_NAME);
  for (const { store } of [slurmClusters, clusterNodes, nodes, revocations])
    store.onChange(onDifference(look));
  leases.store.onChange(({ kind, object }) => {
    if (object.metadata.name !== slurmLeaseName(SLURM_CLUSTER_NAME)) return;
    silence.saw(kind === "deleted" ? undefined : object, clock.now());
    look();
  });
  const tokenController = new Controller({
    name: TOKENS_NAME,
    reconcile: new TokenReconciler({
      ...common,
      tokens: tokens.store,
      slurmClusters: slurmClusters.store,
      clusterNodes: clusterNodes.store,
    }).reconcile,
    timeoutMs: 30_000 * patience,
    clock,
    rng,
    logger,
    metrics: metrics.ofController(TOKENS_NAME),
  });
  const lookAtTokens = (): void => {
    for (const token of tokens.store.list()) tokenController.enqueue(keyOf(token.metadata));
  };
  tokens.store.onChange(({ object }) => tokenController.enqueue(keyOf(object.metadata)));
  // Users come and go, the REST API is switched, and keys are replaced, which its status tells.
  slurmClusters.store.onChange(onDifference(lookAtTokens, viewForTokens));
  clusterNodes.store.onChange(onDifference(lookAtTokens, believedGenerationOf));
  const elector = new LeaderElector({
    ...common,
    namespace: NAMESPACE,
    name: SLURM_OPERATOR_NAME,
    identity,
    times: patientElection(patience, ELECTION),
    onLost,
  });
  for (const observable of slurmMetrics(() =>
    elector.isLeader ? slurmClusters.store.get(SLURM_CLUSTER_NAME)?.status : undefined,
  ))
    metrics.show(observable);
  const manager = new Manager({ logger, elector, metrics, listen });
  manager.addInformer(slurmClusters, clusterNodes, nodes, leases, revocations, tokens);
  manager.addController(
    whileLeading(controller, look, () => events.flush()),
    whileLeading(tokenController, lookAtTokens),
  );
  return manager;
}

/** Begins with a look at everything, and ends with what is still to be told. */
function whileLeading(
  controller: Controller,
  look: () => void,
  end: () => Promise<void> = async () => undefined,
): ManagedController {
  return {
    name: controller.name,
    get isHealthy() {
      return controller.isHealthy;
    },
    start: () => {
      controller.start();
      look();
    },
    stop: async (graceMs) => {
      await controller.stop(graceMs);
      await end();
    },
  };
}

/** Without what is not kept of them, most updates of nodes are none. */
function wholeView({ metadata: { resourceVersion: _, ...metadata }, ...rest }: KubeObject): unknown {
  return { metadata, ...rest };
}

/** What of a SlurmCluster tokens depend on; its status changes with every job. */
function viewForTokens({ spec, status }: KubeObject & Pick<SlurmClusterObject, "spec" | "status">): unknown {
  const { current, madeAt } = status?.keys ?? {};
  return { spec, current, madeAt, controller: status?.activeController?.node };
}

/** Of the keys by which the slurmctld of a node believes tokens; undefined where none runs. */
function believedGenerationOf({ status }: ClusterNodeObject): number | undefined {
  const { running, tokenKeyGeneration } = status?.slurm?.controller ?? {};
  return running === true ? tokenKeyGeneration : undefined;
}

/** Calls `look` at every change that `view` shows. */
function onDifference<T extends KubeObject>(look: () => void, view: (object: T) => unknown = wholeView) {
  return (change: Change<T>): void => {
    if (change.kind === "updated" && isDeepStrictEqual(view(change.object), view(change.previous))) return;
    look();
  };
}

import { isDeepStrictEqual } from "node:util";
import { NAMESPACE, nodeOfAgentLease, OPERATOR_NAME } from "@cluster-os/api";
import {
  EventRecorder,
  feed,
  Informer,
  LeaderElector,
  Manager,
  patientElection,
  RESOURCES,
  type Change,
  type Node,
} from "@cluster-os/kube";
import type { OperatorContext } from "@cluster-os/kube/operator";
import { Controller } from "@cluster-os/reconcile/drivers";
import { CLUSTER_NODE } from "./executor.ts";
import { Heartbeats } from "./heartbeats.ts";
import { keepOfClusterNode, keepOfNode } from "./keep.ts";
import { NodeReconciler } from "./reconciler.ts";

const NAME = "clusternode";
/** A Node with what a busy kubelet and its plugins write is some 30 KB of text; memory is short. */
const PAGE_SIZE = 100;

export interface OperatorOptions extends OperatorContext {
  /** A watch on which nothing arrives for so long is dead, in milliseconds. Default: that of libs/kube. */
  readonly inactivityMs?: number;
}

/** Everything of the operator, ready to run. */
export function createOperator(options: OperatorOptions): Manager {
  const { client, metrics, identity, listen, onLost, clock, rng, logger } = options;
  const common = { client, clock, rng, logger };
  const { inactivityMs, patience = 1 } = options;
  const watching = {
    ...common,
    metrics: metrics.informers,
    ...(inactivityMs !== undefined && { inactivityMs }),
  };
  const clusterNodes = new Informer({
    ...watching,
    resource: CLUSTER_NODE,
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
    selection: { namespace: NAMESPACE },
  });
  const heartbeats = new Heartbeats(patience);
  const events = new EventRecorder({
    ...common,
    controller: `cluster-os.dev/${OPERATOR_NAME}`,
    instance: identity,
  });
  const { reconcile } = new NodeReconciler({
    client,
    clusterNodes: clusterNodes.store,
    nodes: nodes.store,
    heartbeats,
    events,
    clock,
    logger,
  });
  const controller = new Controller({
    name: NAME,
    reconcile,
    // More at once do not finish sooner on an API server that is busy with a thousand heartbeats; they compete with those.
    concurrency: 4,
    timeoutMs: 30_000 * patience,
    clock,
    rng,
    logger,
    metrics: metrics.ofController(NAME),
  });

  feed(clusterNodes, controller);
  feed(nodes, controller, { when: isNodeWorthALook });
  leases.store.onChange(({ kind, object }) => {
    heartbeats.heard(clock.now());
    const node = nodeOfAgentLease(object.metadata.name);
    if (node === undefined) return;
    const lease = kind === "deleted" ? undefined : object;
    if (heartbeats.saw(node, lease, clock.now())) controller.enqueue(node);
  });

  const elector = new LeaderElector({
    ...common,
    namespace: NAMESPACE,
    name: OPERATOR_NAME,
    identity,
    times: patientElection(patience),
    onLost,
  });
  const manager = new Manager({ logger, elector, metrics, listen });
  manager.addInformer(clusterNodes, nodes, leases);
  manager.addController({
    name: controller.name,
    get isHealthy() {
      return controller.isHealthy;
    },
    start: () => {
      // Who did not lead may have been cut off without a consequence: what it saw then is no reason to judge anybody.
      heartbeats.restart(clock.now());
      controller.start();
    },
    stop: async (graceMs) => {
      await controller.stop(graceMs);
      await events.flush();
    },
  });
  return manager;
}

/** kubelets write their Node's status all the time; only what the operator looks at counts. */
function isNodeWorthALook(change: Change<Node>): boolean {
  if (change.kind !== "updated") return true;
  const { object, previous } = change;
  const view = ({ metadata: { labels, annotations }, spec }: Node) => ({
    labels,
    annotations,
    unschedulable: spec?.unschedulable,
    taints: spec?.taints,
  });
  return !isDeepStrictEqual(view(object), view(previous));
}

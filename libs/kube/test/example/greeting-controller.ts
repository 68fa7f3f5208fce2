import {
  applyIfNeeded,
  controllerKey,
  EventRecorder,
  feed,
  Informer,
  keyOf,
  KubeClient,
  LeaderElector,
  Manager,
  ownerReference,
  RESOURCES,
  type ConfigMap,
  type Connection,
} from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import type { Reconcile } from "@cluster-os/reconcile";
import { Controller } from "@cluster-os/reconcile/drivers";
import type { Logger } from "@cluster-os/std";
import { systemClock, systemRng } from "@cluster-os/std/drivers";

const NAME = "greeting-controller";

/** What should be there for a ConfigMap that asks for a greeting. A pure function: this is where the tables of tests are. */
export function greetingFor(guest: ConfigMap): ConfigMap {
  const metadata = {
    name: `${guest.metadata.name}-greeting`,
    namespace: guest.metadata.namespace ?? "default",
  };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, ownerReferences: [ownerReference(guest, metadata)] },
    data: { text: `Hello, ${guest.data?.["name"] ?? "stranger"}!` },
  };
}

/** Greets every ConfigMap that has the label `greet`, until `signal` is aborted. */
export async function runGreetings(
  connection: Connection,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const common = { clock: systemClock, rng: systemRng, logger };
  const metrics = new KubeMetrics();
  using client = new KubeClient(connection, { onRequest: metrics.onRequest });
  const informer = new Informer({
    client,
    resource: RESOURCES.configMap,
    keepManagedFields: true, // for applyIfNeeded
    metrics: metrics.informers,
    ...common,
  });
  const events = new EventRecorder({ client, controller: `example.org/${NAME}`, instance: "1", ...common });

  const reconcile: Reconcile = async (key, signal) => {
    const guest = informer.store.get(key);
    if (guest?.metadata.labels?.["greet"] === undefined) return; // gone, or does not ask
    const wish = greetingFor(guest);
    const live = informer.store.get(keyOf(wish.metadata));
    const now = await applyIfNeeded(client, informer.resource, live, wish, {
      fieldManager: NAME,
      force: true,
      signal,
    });
    if (now === live) return;
    events.record(guest, {
      type: "Normal",
      reason: "Greeted",
      action: "Greet",
      note: wish.data?.["text"] ?? "",
    });
  };
  const controller = new Controller({
    name: "greeting",
    reconcile,
    concurrency: 2,
    metrics: metrics.ofController("greeting"),
    ...common,
  });
  feed(informer, controller); // a guest came or changed
  feed(informer, controller, { map: controllerKey(RESOURCES.configMap) }); // somebody touched a greeting

  const elector = new LeaderElector({
    client,
    namespace: "default",
    name: NAME,
    identity: crypto.randomUUID(),
    onLost: () => process.exit(1),
    ...common,
  });
  const manager = new Manager({ elector, metrics, logger, listen: { port: 0 } });
  await manager.addInformer(informer).addController(controller).run(signal);
  await events.flush();
}

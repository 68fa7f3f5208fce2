import { EventRecorder, type KubeClient } from "@cluster-os/kube";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import { CLUSTER_NODES } from "./kube.ts";

export interface NodeEventsOptions {
  readonly kube: KubeClient;
  /** The server that acts. */
  readonly instance: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** What the servers' bootstrap does to nodes. */
export type NodeAct =
  | { readonly kind: "admitted"; readonly index: number }
  /** Its Kubernetes Node was taken away, after it had said goodbye. */
  | { readonly kind: "left" };

/** Tells people what the servers did to a node, as events on its ClusterNode (`kubectl describe clusternode`). */
export class NodeEvents {
  readonly #kube: KubeClient;
  readonly #recorder: EventRecorder;

  constructor({ kube, instance, clock, rng, logger }: NodeEventsOptions) {
    this.#kube = kube;
    const controller = "cluster-os.dev/bootstrap";
    this.#recorder = new EventRecorder({ client: kube, controller, instance, clock, rng, logger });
  }

  /** Never fails for want of an event: a node without an object has none. */
  async tell(name: string, act: NodeAct): Promise<void> {
    const node = await this.#kube.find(CLUSTER_NODES, { name });
    if (node) this.#recorder.record(node, describeAct(name, act));
  }
}

export function describeAct(name: string, act: NodeAct) {
  switch (act.kind) {
    case "admitted":
      return {
        type: "Normal",
        reason: "NodeAdmitted",
        action: "Admit",
        note: `${name} was admitted and has index ${act.index}; its addresses follow from it`,
      } as const;
    case "left":
      return {
        type: "Normal",
        reason: "NodeLeft",
        action: "RemoveMember",
        note: `${name} has left the cluster; its pods go elsewhere, and it keeps its index`,
      } as const;
    default:
      return act satisfies never;
  }
}

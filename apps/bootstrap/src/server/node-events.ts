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
  | { readonly kind: "left" }
  | { readonly kind: "revoked" }
  /** Its spec asks for it, and it must not be now. */
  | { readonly kind: "not-revoked"; readonly reason: string }
  /** Autopilot changed what it does for the control plane. */
  | {
      readonly kind: "role";
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly note: string;
    };

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
    case "revoked":
      return {
        type: "Warning",
        reason: "NodeRevoked",
        action: "Revoke",
        note: `${name} is revoked: it is out of the mesh, and its objects go. It never comes back under this key`,
      } as const;
    case "not-revoked":
      return {
        type: "Warning",
        reason: "NotRevoked",
        action: "Revoke",
        note: `${name} is not revoked: ${act.reason}`,
      } as const;
    case "role":
      return {
        type: act.type,
        reason: act.reason,
        action: "ChangeRole",
        note: `${name} ${act.note}`,
      } as const;
    default:
      return act satisfies never;
  }
}

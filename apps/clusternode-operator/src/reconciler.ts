import type { ClusterNodeObject } from "@cluster-os/api";
import { KubeError, type EventRecorder, type KubeClient, type Store } from "@cluster-os/kube";
import { again, DONE, TerminalError, type Outcome } from "@cluster-os/reconcile";
import type { Clock, Logger } from "@cluster-os/std";
import { execute } from "./executor.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Node } from "@cluster-os/kube";
import type { NodeAction } from "./plan/actions.ts";
import { planNode, type NodeObserved } from "./plan/plan-node.ts";

export interface NodeReconcilerOptions {
  readonly client: KubeClient;
  readonly clusterNodes: Pick<Store<ClusterNodeObject>, "get">;
  readonly nodes: Pick<Store<Node>, "get">;
  readonly heartbeats: Heartbeats;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The word in an event for what was done. */
const ACTION_WORDS: Readonly<Record<NodeAction["kind"], string>> = {
  "add-finalizer": "Hold",
  "patch-node": "PatchNode",
  "set-conditions": "Judge",
  "revoke-access": "RevokeAccess",
  "delete-node": "DeleteNode",
  "rest-index": "RestIndex",
  "remove-finalizer": "Release",
};

/** Looks at one machine, plans, acts, tells. The key is the node's name. */
export class NodeReconciler {
  readonly #options: NodeReconcilerOptions;

  constructor(options: NodeReconcilerOptions) {
    this.#options = options;
  }

  readonly reconcile = async (name: string, signal: AbortSignal): Promise<Outcome> => {
    const { clusterNodes, nodes, heartbeats, clock } = this.#options;
    const clusterNode = clusterNodes.get(name);
    if (!clusterNode) return DONE;
    const heartbeat = heartbeats.judge(name, clock.now());
    const observed = { clusterNode, node: nodes.get(name), heartbeat };
    const nowIso = new Date(Math.floor(clock.wallTime() / 1000) * 1000).toISOString().replace(".000Z", "Z");
    for (const action of planNode(observed, nowIso)) await this.#act(action, observed, nowIso, signal);
    // Silence makes no event: it has to be looked for.
    const lookAgainMs = heartbeats.lookAgainMs(name, clock.now());
    return lookAgainMs === undefined ? DONE : again(lookAgainMs);
  };

  async #act(action: NodeAction, observed: NodeObserved, nowIso: string, signal: AbortSignal): Promise<void> {
    const { client, events, logger } = this.#options;
    const { clusterNode } = observed;
    const word = ACTION_WORDS[action.kind];
    try {
      await execute(client, action, observed, nowIso, signal);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 422) throw error;
      // The API says that this can never be: only another spec helps.
      events.record(clusterNode, { type: "Warning", reason: "Refused", action: word, note: error.message });
      throw new TerminalError(error.message, { cause: error });
    }
    const told = "events" in action ? action.events : [];
    logger.info("acted", {
      node: clusterNode.metadata.name,
      action: action.kind,
      reasons: told.map(({ reason }) => reason),
    });
    for (const event of told) events.record(clusterNode, { ...event, action: word });
  }
}

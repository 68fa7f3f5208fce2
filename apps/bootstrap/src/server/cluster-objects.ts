import { isDeepStrictEqual } from "node:util";
import {
  agentAccessObjects,
  CLUSTER_NODE_API_VERSION,
  clusterNodeObject,
  nodeIndexObject,
  nodeLeaseObject,
  RESTING_LABEL,
  setCondition,
  type ClusterNodeObject,
  type Condition,
} from "@cluster-os/api";
import { RESOURCES, type KubeClient, type Node } from "@cluster-os/kube";
import { podNetwork, type AddressPlan } from "@cluster-os/mesh";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { RosterEntry } from "../view.ts";
import type { Logger } from "@cluster-os/std";
import { readPending } from "./applicants.ts";
import { applyObject, CLUSTER_NODES, createOnce, FIELD_MANAGER } from "./kube.ts";
import type { NodeEvents } from "./node-events.ts";
import { planExposure, planIdentity, planMember, type Verdict } from "./verdicts.ts";

/** Conditions of a ClusterNode that bootstrap writes: it alone has the admission records. */
const OWN_CONDITIONS = ["Member", "IdentityVerified", "RootKeysExposed"];

export interface ClusterObjectsOptions {
  readonly kube: KubeClient;
  readonly events: Pick<NodeEvents, "tell">;
  readonly addressPlan: AddressPlan;
  /** Every admitted node. */
  readonly roster: () => readonly RosterEntry[];
  readonly isServer: (nodeId: NodeId) => boolean;
  /** Revoked servers whose keys nobody has replaced yet. */
  readonly exposedBy: () => readonly string[];
  /** Takes a machine out of Kubernetes; safe to repeat. */
  readonly removeMember: (nodeName: string) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Keeps the objects that stand for the admitted nodes: an index object, a ClusterNode, a Lease and the rights of one
 * node-agent each; the pod network of each Kubernetes Node; and the conditions that follow from admission. Run by
 * the server that holds the control Lease, and by it alone.
 */
export class ClusterObjects {
  readonly #options: ClusterObjectsOptions;
  readonly #made = new Set<NodeId>();

  constructor(options: ClusterObjectsOptions) {
    this.#options = options;
  }

  /** Forgets what was seen: another server may have held the control Lease since. */
  restart(): void {
    this.#made.clear();
  }

  async round(wallTime: number): Promise<void> {
    for (const entry of this.#options.roster()) {
      if (!this.#made.has(entry.nodeId)) await this.#make(entry);
    }
    await this.#keepNodes();
    await this.#judge(wallTime);
  }

  async #make(entry: { readonly nodeId: NodeId; readonly index: number }): Promise<void> {
    const { kube, events, logger } = this.#options;
    const name = nodeName(entry.nodeId);
    if (await this.#isRemoved(entry)) {
      logger.info("node was removed and gets no objects", { node: name, index: entry.index });
    } else {
      const isNew = await createOnce(kube, clusterNodeObject(name));
      const objects = [nodeLeaseObject(name), ...agentAccessObjects(name)];
      for (const object of objects) await createOnce(kube, object);
      if (isNew) await events.tell(name, { kind: "admitted", index: entry.index });
      logger.info("node has its objects", { node: name, index: entry.index });
    }
    this.#made.add(entry.nodeId);
  }

  /** A node that was removed stays admitted by its record; that it gets no objects again is kept with its index. */
  async #isRemoved(entry: { readonly nodeId: NodeId; readonly index: number }): Promise<boolean> {
    const { kube } = this.#options;
    // The index first: whoever is admitted next must find it taken.
    const index = nodeIndexObject(entry.index, entry.nodeId);
    if (await createOnce(kube, index)) return false;
    const found = await kube.find(RESOURCES.configMap, index.metadata);
    return found?.metadata.labels?.[RESTING_LABEL] !== undefined;
  }

  /** Kubernetes' own objects: a pod network for a new one, and none for a machine that has left. */
  async #keepNodes(): Promise<void> {
    const { kube, events, roster, removeMember, logger } = this.#options;
    const entries = new Map(roster().map((entry) => [nodeName(entry.nodeId), entry]));
    for (const node of (await kube.list(RESOURCES.node)).items) {
      const { name } = node.metadata;
      const entry = entries.get(name);
      if (entry?.hasLeft) {
        logger.info("node has left: its pods go elsewhere", { node: name });
        await removeMember(name);
        await events.tell(name, { kind: "left" });
      } else if (entry && node.spec?.podCIDR === undefined) {
        await this.#givePodNetwork(name, entry.index);
      }
    }
  }

  /** Kubernetes allocates no pod networks here (design D4): each follows from the node's index. */
  async #givePodNetwork(name: string, index: number): Promise<void> {
    const podCIDR = podNetwork(this.#options.addressPlan, index);
    const spec = { podCIDR, podCIDRs: [podCIDR] };
    const object: Node = { apiVersion: "v1", kind: "Node", metadata: { name }, spec };
    await applyObject(this.#options.kube, object);
  }

  async #judge(wallTime: number): Promise<void> {
    const { kube, roster, isServer, exposedBy } = this.#options;
    const entries = new Map(roster().map((entry) => [nodeName(entry.nodeId), entry]));
    for (const node of (await kube.list(CLUSTER_NODES)).items) {
      const { name } = node.metadata;
      const entry = entries.get(name);
      const exposure = entry && isServer(entry.nodeId) ? planExposure(exposedBy()) : undefined;
      const verdicts: Record<string, Verdict> = {
        Member: planMember(entry, readPending(node) !== undefined),
        IdentityVerified: planIdentity(entry?.nodeId, node.status?.nodeID),
        ...(exposure && { RootKeysExposed: exposure }),
      };
      await this.#write(node, verdicts, wallTime);
    }
  }

  /** Writes bootstrap's conditions where they differ; one apply holds all of them, since an apply drops what it omits. */
  async #write(
    node: ClusterNodeObject,
    verdicts: Readonly<Record<string, Verdict>>,
    wallTime: number,
  ): Promise<void> {
    const before = node.status?.conditions ?? [];
    const observedGeneration = node.metadata.generation ?? 0;
    const nowIso = new Date(wallTime).toISOString();
    const after = Object.entries(verdicts).reduce<readonly Condition[]>(
      (conditions, [type, verdict]) =>
        setCondition(conditions, { type, ...verdict, observedGeneration }, nowIso),
      before.filter(({ type }) => type in verdicts || !OWN_CONDITIONS.includes(type)),
    );
    if (isDeepStrictEqual(before, after)) return;
    const { name } = node.metadata;
    this.#options.logger.info("node judged", {
      node: name,
      ...Object.fromEntries(
        Object.entries(verdicts).map(([type, { status, reason }]) => [type, `${status} ${reason}`]),
      ),
    });
    const conditions = after.filter(({ type }) => OWN_CONDITIONS.includes(type));
    await this.#options.kube.apply(
      CLUSTER_NODES,
      {
        apiVersion: CLUSTER_NODE_API_VERSION,
        kind: "ClusterNode",
        metadata: { name },
        status: { conditions },
      },
      { fieldManager: FIELD_MANAGER, force: true, subresource: "status" },
    );
  }
}

import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject, V1Lease, V1Node } from "@kubernetes/client-node";
import {
  agentAccessObjects,
  agentLeaseName,
  clusterNodeObject,
  NAMESPACE,
  nodeIndexObject,
  nodeLeaseObject,
  setCondition,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { podNetwork, type AddressPlan } from "@cluster-os/mesh";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { Instant, Logger } from "@cluster-os/std";
import type { Kube } from "./kube.ts";
import { isExpired, observeLease, type LeaseObservation } from "./leadership.ts";
import { planReadiness, type Readiness } from "./readiness.ts";

export interface ClusterObjectsOptions {
  readonly kube: Kube;
  readonly addressPlan: AddressPlan;
  /** Every admitted node with its index. */
  readonly roster: () => readonly { readonly nodeId: NodeId; readonly index: number }[];
  readonly logger: Logger;
}

/**
 * Keeps the objects that stand for the admitted nodes: an index object, a ClusterNode, a Lease and the rights of one
 * node-agent each; the pod network of each Kubernetes Node; and condition Ready. Run by the server that holds the control
 * Lease, and by it alone.
 */
export class ClusterObjects {
  readonly #options: ClusterObjectsOptions;
  readonly #made = new Set<NodeId>();
  readonly #leases = new Map<string, LeaseObservation>();

  constructor(options: ClusterObjectsOptions) {
    this.#options = options;
  }

  /** Forgets what was seen: another server may have held the control Lease since. */
  restart(): void {
    this.#made.clear();
    this.#leases.clear();
  }

  async round(now: Instant, wallTime: number): Promise<void> {
    for (const entry of this.#options.roster()) {
      if (!this.#made.has(entry.nodeId)) await this.#make(entry);
    }
    await this.#givePodNetworks();
    await this.#judge(now, wallTime);
  }

  async #make(entry: { readonly nodeId: NodeId; readonly index: number }): Promise<void> {
    const { kube, logger } = this.#options;
    const name = nodeName(entry.nodeId);
    const objects = [
      nodeIndexObject(entry.index, entry.nodeId),
      clusterNodeObject(name),
      nodeLeaseObject(name),
      ...agentAccessObjects(name),
    ];
    for (const object of objects) await kube.create(object);
    this.#made.add(entry.nodeId);
    logger.info("node has its objects", { node: name, index: entry.index });
  }

  /** Kubernetes allocates no pod networks here (design D4): each follows from the node's index. */
  async #givePodNetworks(): Promise<void> {
    const { kube, addressPlan, roster } = this.#options;
    const indexes = new Map(roster().map(({ nodeId, index }) => [nodeName(nodeId), index]));
    for (const node of await kube.list<V1Node>("v1", "Node")) {
      const index = indexes.get(node.metadata?.name ?? "");
      if (index === undefined || node.spec?.podCIDR !== undefined) continue;
      const podCIDR = podNetwork(addressPlan, index);
      const metadata = { name: node.metadata?.name ?? "" };
      await kube.apply({
        apiVersion: "v1",
        kind: "Node",
        metadata,
        spec: { podCIDR, podCIDRs: [podCIDR] },
      } as never);
    }
  }

  async #judge(now: Instant, wallTime: number): Promise<void> {
    const { kube } = this.#options;
    const leases = await kube.list<V1Lease>("coordination.k8s.io/v1", "Lease", NAMESPACE);
    const byName = new Map(leases.map((lease) => [lease.metadata?.name ?? "", lease]));
    for (const node of await kube.list<ClusterNodeObject & KubernetesObject>(
      "cluster-os.dev/v1alpha1",
      "ClusterNode",
    )) {
      const lease = byName.get(agentLeaseName(node.metadata.name));
      await this.#writeReady(
        node,
        planReadiness({ heartbeat: this.#heartbeat(lease, now), conditions: node.status?.conditions ?? [] }),
        wallTime,
      );
    }
  }

  #heartbeat(lease: V1Lease | undefined, now: Instant): "fresh" | "expired" | "never" {
    const renewTime = lease?.spec?.renewTime?.toString();
    if (lease === undefined || renewTime === undefined) return "never";
    const name = lease.metadata?.name ?? "";
    const observed = observeLease(this.#leases.get(name), renewTime, now);
    this.#leases.set(name, observed);
    return isExpired(observed, lease.spec?.leaseDurationSeconds ?? 15, now) ? "expired" : "fresh";
  }

  async #writeReady(node: ClusterNodeObject, ready: Readiness, wallTime: number): Promise<void> {
    const current = node.status?.conditions ?? [];
    const wished = { type: "Ready", ...ready, observedGeneration: node.metadata.generation ?? 0 } as const;
    const conditions = setCondition(current, wished, new Date(wallTime).toISOString());
    const before = current.find(({ type }) => type === "Ready");
    const after = conditions.find(({ type }) => type === "Ready");
    if (isDeepStrictEqual(before, after)) return;
    this.#options.logger.info("node readiness", {
      node: node.metadata.name,
      status: ready.status,
      reason: ready.reason,
    });
    await this.#options.kube.applyStatus("clusternodes", {
      apiVersion: "cluster-os.dev/v1alpha1",
      kind: "ClusterNode",
      metadata: { name: node.metadata.name },
      status: { conditions: [after] },
    } as never);
  }
}

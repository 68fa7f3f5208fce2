import {
  AGENT_LEASE_SECONDS,
  agentLeaseName,
  CLUSTER_NODE_API_VERSION,
  ClusterNode,
  NAMESPACE,
  type ClusterNodeObject,
  type ClusterNodeStatus,
} from "@cluster-os/api";
import { type KubeClient, KubeError, microTime, resourceOfDefinition, RESOURCES } from "@cluster-os/kube";
import { delay } from "@cluster-os/std/drivers";
import { nodeConditions, type FakeNode } from "./fleet-objects.ts";

export const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);

/** node-agent's pace (a third of its Lease's life), and a kubelet's for a Node on which nothing changes. */
const HEARTBEAT_MS = 5000;
const KUBELET_MS = 300_000;
/** Calls under way at once: as many as an API server of two cores is served best with. */
const CALLERS = 16;

/** Stands for bootstrap, node-agent and kubelet of every machine, and for the person who changes specs. */
export class Fleet {
  readonly #client: KubeClient;
  readonly #nodes: readonly FakeNode[];
  readonly #firstRenewedAt = new Map<string, number>();
  readonly #renewedAt = new Map<string, number>();
  #alive: AbortController | undefined;
  #hearts: Promise<unknown> = Promise.resolve();
  #renewals = 0;
  #failures = 0;
  #longestGapMs = 0;

  constructor(client: KubeClient, nodes: readonly FakeNode[]) {
    this.#client = client;
    this.#nodes = nodes;
  }

  get names(): readonly string[] {
    return this.#nodes.map(({ name }) => name);
  }

  /** Renewals that got through, calls that failed, and the longest time between two renewals of one Lease. */
  get heartbeats() {
    return { renewals: this.#renewals, failures: this.#failures, longestGapMs: this.#longestGapMs };
  }

  /** When each Lease was first renewed since the hearts were started, in milliseconds of performance.now(). */
  get firstRenewedAt(): ReadonlyMap<string, number> {
    return this.#firstRenewedAt;
  }

  /** When each Lease was last renewed, in milliseconds of performance.now(). */
  get renewedAt(): ReadonlyMap<string, number> {
    return this.#renewedAt;
  }

  async create(): Promise<void> {
    await inParallel(
      this.#nodes,
      async ({ name, clusterNode, lease, node, agentStatus, bootstrapStatus }) => {
        const client = this.#client;
        await patiently(() => client.create(CLUSTER_NODES, clusterNode));
        await patiently(() => client.create(RESOURCES.lease, lease));
        await patiently(() => client.create(RESOURCES.node, node));
        await patiently(() => this.#report(name, bootstrapStatus, "cluster-os-bootstrap"));
        await patiently(() => this.#report(name, agentStatus, "cluster-os-node-agent"));
      },
    );
  }

  /** Every Lease is renewed at node-agent's pace from now on, evenly spread; kubelets report, too. */
  startHearts(): void {
    const alive = (this.#alive = new AbortController());
    const count = this.#nodes.length;
    this.#longestGapMs = 0;
    this.#renewedAt.clear();
    this.#firstRenewedAt.clear();
    this.#hearts = Promise.all(
      this.#nodes.flatMap(({ name }, position) => [
        repeat(HEARTBEAT_MS, (HEARTBEAT_MS * position) / count, () => this.#renew(name), alive.signal),
        repeat(KUBELET_MS, (KUBELET_MS * position) / count, () => this.#reportNode(name), alive.signal),
      ]),
    );
  }

  /** As if the network of all machines was gone. Resolves when no renewal is under way any more. */
  async stopHearts(): Promise<void> {
    this.#alive?.abort();
    await this.#hearts;
  }

  /** Writes a label into every spec, so many a second or as fast as it goes; returns when each write was begun. */
  async label(name: string, value: string, perSecond: number): Promise<ReadonlyMap<string, number>> {
    const begun = performance.now();
    const sentAt = new Map<string, number>();
    await inParallel([...this.#nodes.entries()], async ([position, node]) => {
      await delay(Math.max(0, begun + (position / perSecond) * 1000 - performance.now()));
      sentAt.set(node.name, performance.now());
      const patch = { spec: { labels: { [name]: value } } };
      await patiently(() => this.#client.patch(CLUSTER_NODES, { name: node.name }, patch));
    });
    return sentAt;
  }

  async #renew(name: string): Promise<void> {
    const lease = { name: agentLeaseName(name), namespace: NAMESPACE };
    const renewTime = microTime(Date.now());
    const spec = { holderIdentity: name, leaseDurationSeconds: AGENT_LEASE_SECONDS, renewTime };
    await this.#client.patch(RESOURCES.lease, lease, { spec }, { timeoutMs: 4000 }).then(
      () => {
        const now = performance.now();
        this.#longestGapMs = Math.max(this.#longestGapMs, now - (this.#renewedAt.get(name) ?? now));
        if (!this.#firstRenewedAt.has(name)) this.#firstRenewedAt.set(name, now);
        this.#renewedAt.set(name, now);
        this.#renewals += 1;
      },
      () => void (this.#failures += 1),
    );
  }

  async #reportNode(name: string): Promise<void> {
    const status = { conditions: nodeConditions(new Date().toISOString().replace(/\.\d+Z$/, "Z")) };
    const options = { subresource: "status" };
    await this.#client
      .patch(RESOURCES.node, { name }, { status }, options)
      .catch(() => void (this.#failures += 1));
  }

  async #report(name: string, status: ClusterNodeStatus, fieldManager: string): Promise<void> {
    const object = {
      apiVersion: CLUSTER_NODE_API_VERSION,
      kind: ClusterNode.kind,
      metadata: { name },
      status,
    };
    const options = { fieldManager, force: true, subresource: "status" };
    await this.#client.apply(CLUSTER_NODES, object, options);
  }
}

/** Calls `act` every so often, the first time after a while, until the signal; one call at a time. */
async function repeat(
  everyMs: number,
  firstMs: number,
  act: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let waitMs = firstMs; ;) {
    await delay(waitMs, signal).catch(() => {});
    if (signal.aborted) return;
    const begun = performance.now();
    await act();
    waitMs = Math.max(0, begun + everyMs - performance.now());
  }
}

/** As kubectl does: an API server that has too much to do says when to come again. */
async function patiently<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof KubeError) || error.retryAfterMs === undefined) throw error;
      await delay(error.retryAfterMs);
    }
  }
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: CALLERS }, work));
}

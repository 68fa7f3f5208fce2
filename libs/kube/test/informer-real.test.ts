import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock } from "@cluster-os/std/drivers";
import { findHyperkube, startApiServer, type ApiServer } from "@cluster-os/tools/api-server";
import { expect } from "chai";
import {
  applyIfNeeded,
  EventRecorder,
  isApplied,
  KubeClient,
  LeaderElector,
  RESOURCES,
  type Connection,
  type Event,
} from "../src/index.ts";
import type { WorldChange } from "./changes.ts";
import { describeInformer, type InformerTarget } from "./informer.contract.ts";
import { connectAs } from "./named-user.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

const ALL = ["get", "list", "watch", "create", "update", "patch", "delete"];
const LABELS = { test: "informer" };

describe("controllers' parts on a real API server, as a named user", function () {
  this.timeout(300_000);
  let api: ApiServer;
  let connection: Connection;
  let client: KubeClient;

  before(async function () {
    const found = await findHyperkube();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    api = await startApiServer(found.path);
    connection = await connectAs(api, "controller-tester", [
      {
        apiGroups: ["", "coordination.k8s.io", "events.k8s.io"],
        resources: ["configmaps", "leases", "events"],
        verbs: ALL,
      },
      { apiGroups: ["apps"], resources: ["deployments"], verbs: ALL },
    ]);
    client = new KubeClient(connection);
  });

  after(async () => {
    client?.[Symbol.dispose]();
    await api?.[Symbol.asyncDispose]();
  });

  /** The informer's connections are reset over and over, while another connection makes the changes. */
  async function startReal(): Promise<InformerTarget> {
    const proxy = await startTcpProxy(Number(new URL(connection.server).port));
    const resets = setInterval(() => proxy.reset(), 1700);
    const act = async ({ kind, name, value }: WorldChange): Promise<unknown> => {
      const ref = { name, namespace: "default" };
      const metadata = { ...ref, labels: LABELS };
      if (kind === "delete") return await client.delete(RESOURCES.configMap, ref);
      if (kind === "update") return await client.patch(RESOURCES.configMap, ref, { data: { value } });
      return await client.create(RESOURCES.configMap, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata,
        data: { value },
      });
    };
    return {
      connection: { ...connection, server: `https://127.0.0.1:${proxy.port}` },
      settings: {
        pageSize: 100,
        watchMs: 1000,
        auditEveryMs: 1000,
        backoff: { initialMs: 10, maxMs: 100, factor: 2 },
      },
      change: async (round) => void (await Promise.all(round.map(act))),
      truth: async () => {
        const { items } = await client.list(RESOURCES.configMap, { labelSelector: "test=informer" });
        return new Map(
          items.map(({ metadata }) => [`default/${metadata.name}`, metadata.resourceVersion ?? ""] as const),
        );
      },
      heal: () => clearInterval(resets),
      [Symbol.asyncDispose]: async () => {
        clearInterval(resets);
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  describeInformer("real", { seed: 4, changes: 10_000, objects: 500 }, startReal);

  it("knows that a second apply would change nothing, also where the API filled in defaults", async () => {
    const labels = { app: "x" };
    const wish = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", namespace: "default", labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: "a",
                image: "a:1",
                args: ["--one", "--two"],
                ports: [{ containerPort: 80, protocol: "TCP" }],
              },
              { name: "b", image: "b:1", env: [{ name: "E", value: "1" }] },
            ],
          },
        },
      },
    };
    const manager = { fieldManager: "tester" };
    const first = await applyIfNeeded(client, RESOURCES.deployment, undefined, wish, manager);
    expect(isApplied(first, wish, manager)).to.equal(true);
    const again = await client.apply(RESOURCES.deployment, wish, manager);
    expect(again.metadata.resourceVersion).to.equal(first.metadata.resourceVersion);
    expect(isApplied(first, { ...wish, spec: { ...wish.spec, replicas: 3 } }, manager)).to.equal(false);
    const { replicas: _, ...fewer } = wish.spec;
    expect(isApplied(first, { ...wish, spec: fewer }, manager)).to.equal(false);
    const scaled = await client.patch(RESOURCES.deployment, wish.metadata, { spec: { replicas: 5 } });
    expect(isApplied(scaled, wish, manager)).to.equal(false);
  });

  it("writes events and their series", async () => {
    const surroundings = { clock: systemClock, rng: seededRng(1), logger: silentLogger };
    const recorder = new EventRecorder({
      client,
      controller: "cluster-os.dev/test",
      instance: "me",
      ...surroundings,
    });
    const regarding = { apiVersion: "v1", kind: "Node", metadata: { name: "n-a" } };
    const what = { type: "Normal", reason: "Left", action: "Cordon", note: "it left" } as const;
    for (let count = 0; count < 3; count += 1) recorder.record(regarding, what);
    await recorder.flush();
    const { items } = await client.list(RESOURCES.event, { namespace: "default" });
    const event = items.find(({ reason }) => reason === "Left") as Event;
    expect([event.series?.count, event.regarding.name, event.note]).to.deep.equal([3, "n-a", "it left"]);
  });

  it("elects, and hands over", async () => {
    const lost: string[] = [];
    const candidate = (identity: string): LeaderElector =>
      new LeaderElector({
        client,
        namespace: "default",
        name: "election",
        identity,
        times: { retryMs: 100 },
        clock: systemClock,
        rng: seededRng(identity.charCodeAt(0)),
        logger: silentLogger,
        onLost: ({ message }) => lost.push(message),
      });
    const [first, second] = [candidate("a"), candidate("b")];
    first.start();
    await first.elected();
    second.start();
    await first.stop();
    await second.elected();
    const lease = await client.get(RESOURCES.lease, { namespace: "default", name: "election" });
    expect(lease.spec).to.include({ holderIdentity: "b", leaseTransitions: 1 });
    await second.stop();
    expect(lost).to.deep.equal([]);
  });
});

import { Controller } from "@cluster-os/reconcile/drivers";
import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { feed, Informer, KubeClient, LeaderElector, Manager, RESOURCES, type Lease } from "../src/index.ts";
import { KubeMetrics } from "../src/manager/metrics.ts";
import { FakeApiServer, NO_FAULTS } from "./fake/index.ts";

describe("manager, of caches that fill late", () => {
  it("starts no controller once it was stopped", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const informer = { hasSynced: false, synced: () => promise, start: () => {}, stop: async () => {} };
    let starts = 0;
    const controller = { name: "c", isHealthy: true, start: () => void (starts += 1), stop: async () => {} };
    const stop = new AbortController();
    const manager = new Manager({ logger: silentLogger });
    manager.addInformer({ ...informer, resource: { plural: "things" } }).addController(controller);
    const running = manager.run(stop.signal);
    stop.abort();
    resolve();
    await running;
    expect(starts).to.equal(0);
  });
});

const surroundings = { clock: systemClock, rng: seededRng(1), logger: silentLogger };

describe("manager", () => {
  let fake: FakeApiServer;
  let metrics: KubeMetrics;
  let client: KubeClient;
  let stop: AbortController;
  let manager: Manager;
  let running: Promise<void>;
  let steps: string[];
  let reconcile: (key: string, signal: AbortSignal) => Promise<void>;

  beforeEach(async () => {
    fake = await FakeApiServer.start([RESOURCES.configMap, RESOURCES.lease]);
    metrics = new KubeMetrics();
    client = new KubeClient(fake.connection, { onRequest: metrics.onRequest });
    stop = new AbortController();
    steps = [];
    reconcile = async (key) => void steps.push(key);
    fake.world.create("configmaps", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "n" },
    });
  });
  afterEach(async () => {
    stop.abort();
    await running;
    client[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  /** Time limits that no machine is too busy for, but where they are what is tested. */
  function start({ timeoutMs, stuckAfterMs } = { timeoutMs: 8000, stuckAfterMs: 8000 }): void {
    const informer = new Informer({
      client,
      resource: RESOURCES.configMap,
      ...surroundings,
      metrics: metrics.informers,
    });
    const controller = new Controller({
      name: "maps",
      reconcile: (key, signal) => reconcile(key, signal),
      timeoutMs,
      stuckAfterMs,
      metrics: metrics.ofController("maps"),
      ...surroundings,
    });
    feed(informer, controller);
    const elector = new LeaderElector({
      client,
      namespace: "n",
      name: "l",
      identity: "me",
      onLost: (error) => steps.push(error.message),
      times: { leaseMs: 12_000, renewDeadlineMs: 8000, retryMs: 60 },
      ...surroundings,
    });
    manager = new Manager({
      logger: silentLogger,
      elector,
      metrics,
      listen: { port: 0, host: "127.0.0.1" },
      graceMs: 5000,
    });
    running = manager.addInformer(informer).addController(controller).run(stop.signal);
  }
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${manager.port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  const until = (what: string, look: () => boolean | Promise<boolean>) =>
    waitFor(async () => await look(), { what, timeoutMs: 8000, everyMs: 5 });
  const holder = () => (fake.world.get("leases", "n/l") as unknown as Lease).spec?.holderIdentity;

  it("fills caches, is elected, runs, and goes the same way back", async () => {
    fake.faults = {
      ...NO_FAULTS,
      request: (verb) => (verb === "list" ? { kind: "status", code: 500 } : undefined),
    };
    start();
    await until("a server", () => manager.port !== undefined);
    expect(await ask("/readyz")).to.deep.equal({
      status: 503,
      text: "the cache of configmaps is not filled\n",
    });
    expect(await ask("/healthz")).to.deep.equal({ status: 200, text: "ok\n" });
    expect(steps).to.deep.equal([]);
    fake.faults = NO_FAULTS;
    await until("a reconcile", () => steps.length > 0);
    expect([steps, holder()]).to.deep.equal([["n/a"], "me"]);
    expect(await ask("/readyz")).to.deep.equal({ status: 200, text: "ok\n" });
    expect((await ask("/elsewhere")).status).to.equal(404);
    stop.abort();
    await running;
    expect([steps, holder(), fake.openWatches]).to.deep.equal([["n/a"], "", 0]);
  });

  it("who is stopped before it leads begins nothing", async () => {
    const spec = { holderIdentity: "another", leaseDurationSeconds: 15 };
    const metadata = { name: "l", namespace: "n" };
    fake.world.create("leases", { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec });
    start();
    await until("readiness", async () => (await ask("/readyz").catch(() => ({ status: 0 }))).status === 200);
    stop.abort();
    await running;
    expect([steps, holder()]).to.deep.equal([[], "another"]);
  });

  it("counts under the names that dashboards know", async () => {
    start();
    await until("a reconcile", () => steps.length > 0);
    await until("its count", async () => (await ask("/metrics")).text.includes('result="success"'));
    const { text } = await ask("/metrics");
    for (const line of [
      'controller_runtime_reconcile_total{controller="maps",result="success"} 1',
      'workqueue_adds_total{name="maps"} 1',
      'workqueue_depth{name="maps"} 0',
      'leader_election_master_status{name="l"} 1',
      'cluster_os_informer_lists_total{resource="configmaps"} 1',
    ])
      expect(text).to.contain(line);
    expect(text)
      .to.match(/rest_client_requests_total\{[^}]*code="200"[^}]*\}/)
      .and.match(/reconcile_time_seconds_bucket/);
  });

  it("a reconcile that ignores its abort makes it sick", async () => {
    // Only the first: it counts as failed, and is tried again.
    const stuck = Promise.withResolvers<void>();
    reconcile = () => stuck.promise;
    start({ timeoutMs: 50, stuckAfterMs: 50 });
    await until("sickness", async () => (await ask("/healthz").catch(() => ({ status: 0 }))).status === 503);
    expect((await ask("/healthz")).text).to.equal("controller maps is stuck\n");
    stuck.resolve();
    await until("health", async () => (await ask("/healthz")).status === 200);
  });

  it("a reconcile that is under way ends before the lease is given back", async () => {
    const order: string[] = [];
    reconcile = async () => {
      order.push(`begun, ${holder()} leads`);
      await new Promise((resolve) => setTimeout(resolve, 30));
      order.push(`ended, ${holder()} leads`);
    };
    start();
    await until("a reconcile", () => order.length > 0);
    stop.abort();
    await running;
    expect([order, holder()]).to.deep.equal([["begun, me leads", "ended, me leads"], ""]);
  });
});

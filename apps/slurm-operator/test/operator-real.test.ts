import {
  ClusterNode,
  clusterNodeObject,
  findCondition,
  NAMESPACE,
  readSlurmConfig,
  readSlurmKeys,
  readSlurmLease,
  SLURM_CLUSTER_NAME,
  SLURM_OPERATOR_USER,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  type ClusterNodeObject,
  type SlurmNodeStatus,
} from "@cluster-os/api";
import { KubeClient, resourceOfDefinition, RESOURCES } from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { seededRng, silentLogger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import type { ApiServer } from "@cluster-os/tools/api-server";
import { connectAs, startCluster } from "@cluster-os/tools/cluster";
import { expect } from "chai";
import { createOperator } from "../src/operator.ts";
import { SLURM_CLUSTER } from "../src/reconciler.ts";

const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);
const NODES = ["n-a", "n-b", "n-c"];
const within = (what: string) => ({ what, timeoutMs: 60_000, everyMs: 100 });
const inNamespace = (name: string) => ({ name, namespace: NAMESPACE });

describe("slurm-operator with its own rights, on a real API server with the chart", function () {
  this.timeout(300_000);
  let api: ApiServer;
  let admin: KubeClient;
  let operator: KubeClient;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  /** Calls that wrote, but for renewals of its own lease. */
  const writes: string[] = [];

  before(async function () {
    const started = await startCluster(NODES);
    if ("missing" in started) {
      console.log(`      skipped: ${started.missing}`);
      return this.skip();
    }
    api = started;
    // Stands for people and for node-agents.
    const role = ["create", "clusterrolebinding", "admin", "--clusterrole=cluster-admin", "--user=admin"];
    expect((await api.kubectl(role)).isDone).to.equal(true);
    admin = new KubeClient(await connectAs(api, "admin"), { timeoutMs: 60_000 });
    operator = new KubeClient(await connectAs(api, SLURM_OPERATOR_USER), {
      timeoutMs: 60_000,
      onRequest: ({ method, status }) => void (method !== "GET" && writes.push(`${method} ${status}`)),
    });
    for (const name of NODES) await report(name);
    running = createOperator({
      client: operator,
      metrics: new KubeMetrics(),
      identity: "test",
      listen: { port: 0, host: "127.0.0.1" },
      // Its lease is renewed so seldom that a test sees what else it writes.
      patience: 10,
      onLost: () => undefined,
      clock: systemClock,
      rng: seededRng(5),
      logger: silentLogger,
    }).run(stopping.signal);
    running.catch(() => undefined);
  });

  after(async () => {
    stopping.abort();
    await running;
    for (const client of [admin, operator]) client?.[Symbol.dispose]();
    await api?.[Symbol.asyncDispose]();
  });

  /** What node-agent and clusternode-operator say of a machine; without `slurm`, cluster-os-slurm is not installed. */
  async function report(name: string, slurm?: SlurmNodeStatus): Promise<void> {
    const ready = {
      type: "Ready",
      status: "True",
      reason: "Test",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    } as const;
    const capabilities = { cpu: 4, memory: "8192Mi", gpus: 0 };
    const status = { capabilities, conditions: [ready], ...(slurm && { slurm }) };
    const object = { ...clusterNodeObject(name), spec: undefined, status } as unknown as ClusterNodeObject;
    await admin.apply(CLUSTER_NODES, object, { fieldManager: "test", force: true, subresource: "status" });
  }

  const cluster = () => admin.find(SLURM_CLUSTER, { name: SLURM_CLUSTER_NAME });
  const condition = async (type: string) => findCondition((await cluster())?.status?.conditions, type);
  const lease = async () =>
    readSlurmLease(await admin.find(RESOURCES.lease, inNamespace(slurmLeaseName(SLURM_CLUSTER_NAME))));

  it("where no machine has cluster-os-slurm it says so, and names no controller", async () => {
    await waitFor(async () => (await condition("Ready"))?.reason === "NotInstalled", within("the condition"));
    expect((await condition("Ready"))?.message).to.contain("cluster-os-slurm");
    expect(await lease()).to.equal(undefined);
    const config = await admin.find(RESOURCES.configMap, inNamespace(slurmConfigName(SLURM_CLUSTER_NAME)));
    expect(Object.keys(readSlurmConfig(config)?.nodes ?? {})).to.deep.equal(NODES);
    const keys = await admin.find(RESOURCES.secret, inNamespace(slurmKeysName(SLURM_CLUSTER_NAME)));
    expect(readSlurmKeys(keys)?.current.generation).to.equal(1);
  });

  it("and then rests: nothing is written again", async () => {
    // Longer than a lease of the controller and its margin: nobody is elected over and over.
    await delay(1000);
    const { resourceVersion } = (await cluster())?.metadata ?? {};
    const before = writes.filter((call) => !call.startsWith("PUT")).length;
    await delay(12_000);
    expect(writes.filter((call) => !call.startsWith("PUT")).length).to.equal(before);
    expect((await cluster())?.metadata.resourceVersion).to.equal(resourceVersion);
    expect(await lease()).to.equal(undefined);
  });

  it("a machine that has it is named, and its rights were enough for everything", async () => {
    await report("n-b", { slurmd: { state: "Stopped" } });
    await waitFor(lease, within("a controller"));
    expect(await lease()).to.deep.include({ epoch: 1, holder: "n-b", replicas: ["n-b"], mayFound: true });
    await waitFor(async () => (await condition("Ready"))?.reason === "Starting", within("the condition"));
    const told = await api.kubectl(["get", "events.events.k8s.io", "-n", "default", "-o", "name"]);
    expect(told.stdout.split("\n").length).to.be.greaterThan(1);
    expect(writes.filter((call) => call.endsWith("403"))).to.deep.equal([]);
  });
});

import {
  ClusterNode,
  clusterNodeObject,
  NAMESPACE,
  readSlurmConfig,
  readSlurmKeys,
  readSlurmLease,
  ROTATE_KEYS_ANNOTATION,
  SLURM_CLUSTER_NAME,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  SLURM_REST_SERVICE,
  SLURM_TOKEN_API_VERSION,
  type ClusterNodeObject,
  type SlurmNodeStatus,
} from "@cluster-os/api";
import { KubeClient, microTime, resourceOfDefinition, RESOURCES } from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { FakeApiServer } from "@cluster-os/kube/testing";
import { signToken } from "@cluster-os/slurm";
import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { createOperator } from "../src/operator.ts";
import { SLURM_CLUSTER } from "../src/reconciler.ts";
import { SLURM_TOKEN } from "../src/token-reconciler.ts";

const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);
const ready = {
  type: "Ready",
  status: "True",
  reason: "Test",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
} as const;
const timeoutMs = 60_000;
const ADDRESSES: Readonly<Record<string, string>> = {
  "n-a": "10.86.0.1",
  "n-b": "10.86.0.2",
  "n-c": "10.86.0.3",
};

describe("slurm-operator on an API server in memory", function () {
  this.timeout(300_000);
  const stop = new AbortController();
  const metrics = new KubeMetrics();
  let fake: FakeApiServer;
  let client: KubeClient;
  let running: Promise<void>;
  let renewals: NodeJS.Timeout;

  before(async () => {
    const own = [CLUSTER_NODES, SLURM_CLUSTER, SLURM_TOKEN];
    fake = await FakeApiServer.start([...own, ...Object.values(RESOURCES)] as never);
    for (const name of ["n-a", "n-b", "n-c"]) report(name, {});
    client = new KubeClient(fake.connection, { userAgent: "test", timeoutMs });
    const operator = createOperator({
      client,
      metrics,
      identity: "test",
      listen: { port: 0, host: "127.0.0.1" },
      onLost: () => undefined,
      clock: systemClock,
      rng: seededRng(3),
      logger: silentLogger,
    });
    running = operator.run(stop.signal);
    // What the holder's node-agent does.
    renewals = setInterval(() => {
      const key = `${NAMESPACE}/${slurmLeaseName(SLURM_CLUSTER_NAME)}`;
      const spec = { renewTime: microTime(Date.now()) };
      if (fake.world.at("leases").has(key)) fake.world.mergePatch("leases", key, { spec });
    }, 500);
  });

  after(async () => {
    clearInterval(renewals);
    stop.abort();
    await running;
    client[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  function report(name: string, slurm: SlurmNodeStatus): void {
    const status = {
      capabilities: { cpu: 4, memory: "8192Mi", gpus: 0 },
      addresses: [{ type: "Mesh", address: ADDRESSES[name] ?? "" }],
      conditions: [ready],
      slurm,
    } as const;
    const { world } = fake;
    if (world.at("clusternodes").has(name))
      world.mergePatch("clusternodes", name, { status }, { subresource: "status" });
    else world.create("clusternodes", { ...clusterNodeObject(name), status });
  }

  const inNamespace = (name: string) => ({ name, namespace: NAMESPACE });
  const keys = async () =>
    readSlurmKeys(await client.find(RESOURCES.secret, inNamespace(slurmKeysName(SLURM_CLUSTER_NAME))));
  const lease = async () =>
    readSlurmLease(await client.find(RESOURCES.lease, inNamespace(slurmLeaseName(SLURM_CLUSTER_NAME))));
  const cluster = () => client.find(SLURM_CLUSTER, { name: SLURM_CLUSTER_NAME });

  it("without any SlurmCluster it makes one, with configuration, key and controller", async () => {
    const found = await waitFor(lease, { what: "a controller", timeoutMs });
    expect(found).to.deep.include({
      epoch: 1,
      holder: "n-a",
      replicas: ["n-a", "n-b", "n-c"],
      mayFound: true,
    });
    expect((await keys())?.current.generation).to.equal(1);
    const ref = inNamespace(slurmConfigName(SLURM_CLUSTER_NAME));
    const config = readSlurmConfig(await client.find(RESOURCES.configMap, ref));
    expect(Object.keys(config?.nodes ?? {})).to.deep.equal(["n-a", "n-b", "n-c"]);
  });

  it("is Ready once machines say so", async () => {
    const status = await waitFor(async () => (await cluster())?.status?.config, {
      what: "a hash",
      timeoutMs,
    });
    const nodes = { total: 3, available: 3, down: 0, drained: 0 };
    const replica = { epoch: 1, sequence: 1 };
    const jobs = { running: 0, pending: 0 };
    const own = { configHash: status.hash, controller: { epoch: 1, running: true, replica, nodes, jobs } };
    report("n-a", { keyGenerations: { current: 1 }, ...own });
    for (const name of ["n-b", "n-c"])
      report(name, { keyGenerations: { current: 1 }, controller: { epoch: 1, running: false, replica } });
    await waitFor(
      async () => {
        const conditions = (await cluster())?.status?.conditions ?? [];
        return conditions.length === 6 && conditions.every((condition) => condition.status === "True");
      },
      { what: "all conditions", timeoutMs },
    );
    // Its holder may have renewed it at the same moment: then it is written a moment later.
    await waitFor(async () => (await lease())?.mayFound === false, {
      what: "the Lease to say so",
      timeoutMs,
    });
    const told = await metrics.registry.metrics();
    expect(told).to.include('cluster_os_slurm_condition{condition="Ready"} 1\n');
    expect(told).to.include('cluster_os_slurm_nodes{state="available"} 3\n');
  });

  describe("SLURM's REST API", () => {
    const ref = { name: "ada", namespace: "default" };
    const stateOf = async (reason: string) => {
      const token = await client.find(SLURM_TOKEN, ref);
      return token?.status?.conditions?.[0]?.reason === reason && token.status;
    };
    const given = async () => (await client.find(RESOURCES.secret, ref))?.data ?? {};
    const set = (spec: object) => client.patch(SLURM_CLUSTER, { name: SLURM_CLUSTER_NAME }, { spec });

    it("gives no token while it is off, and makes no Secret", async () => {
      const spec = { user: "ada" };
      await client.create(SLURM_TOKEN, {
        apiVersion: SLURM_TOKEN_API_VERSION,
        kind: "SlurmToken",
        metadata: ref,
        spec,
      });
      await waitFor(() => stateOf("RestDisabled"), { what: "the reason", timeoutMs });
      expect(await client.find(RESOURCES.secret, ref)).to.equal(undefined);
    });

    it("is found where the controller is, and a declared user has a token", async () => {
      await set({ rest: { enabled: true }, users: [{ name: "ada", uid: 2000 }] });
      await waitFor(() => stateOf("KeyPending"), { what: "a token that is not taken yet", timeoutMs });
      const { node = "", epoch = 0 } = (await cluster())?.status?.activeController ?? {};
      const tokenKeyGeneration = (await keys())?.current.generation ?? expect.fail("no keys");
      report(node, { controller: { epoch, running: true, tokenKeyGeneration } });
      const status = await waitFor(() => stateOf("Issued"), { what: "a token", timeoutMs });
      expect(status.keyGeneration).to.equal(tokenKeyGeneration);
      const { SLURM_JWT: jwt = "", SLURM_USER_NAME: user = "" } = await given();
      expect(Buffer.from(user, "base64").toString()).to.equal("ada");
      const claims = {
        user: "ada",
        issuedAt: Date.parse(status.issuedAt ?? "") / 1000,
        expiresAt: Date.parse(status.expiresAt ?? "") / 1000,
      };
      const { jwt: key } = (await keys()) ?? expect.fail("no keys");
      expect(Buffer.from(jwt, "base64").toString()).to.equal(signToken(claims, key));
      const where = await waitFor(
        async () => {
          const slice = await client.find(RESOURCES.endpointSlice, inNamespace(SLURM_REST_SERVICE));
          return slice?.endpoints?.[0]?.addresses;
        },
        { what: "endpoints", timeoutMs },
      );
      expect(where).to.deep.equal([ADDRESSES[(await lease())?.holder ?? ""]]);
    });

    it("has no token any more for who is no user any more", async () => {
      await set({ users: [] });
      await waitFor(() => stateOf("UserUnknown"), { what: "the reason", timeoutMs });
      expect(await given()).to.deep.equal({});
      await set({ users: [{ name: "ada", uid: 2000 }] });
      await waitFor(() => stateOf("Issued"), { what: "a token", timeoutMs });
      expect(await given()).to.include.keys("SLURM_JWT", "SLURMRESTD_URL");
    });

    it("is nowhere while it is off", async () => {
      await set({ rest: { enabled: false } });
      const slice = () => client.get(RESOURCES.endpointSlice, inNamespace(SLURM_REST_SERVICE));
      await waitFor(async () => (await slice()).endpoints?.length === 0, { what: "no endpoints", timeoutMs });
    });
  });

  it("rotates the key when asked: hands it out, waits for all, names an instant", async () => {
    const annotations = { [ROTATE_KEYS_ANNOTATION]: "1" };
    await client.patch(SLURM_CLUSTER, { name: SLURM_CLUSTER_NAME }, { metadata: { annotations } });
    const staged = await waitFor(async () => (await keys())?.next, { what: "the next key", timeoutMs });
    expect(staged.generation).to.equal(2);
    for (const name of ["n-a", "n-b"]) report(name, { keyGenerations: { current: 1, next: 2 } });
    expect((await keys())?.switchAt).to.equal(undefined);
    report("n-c", { keyGenerations: { current: 1, next: 2 } });
    await waitFor(async () => (await keys())?.switchAt, { what: "the instant", timeoutMs });
    for (const name of ["n-a", "n-b", "n-c"]) report(name, { keyGenerations: { current: 2 } });
    await waitFor(async () => (await keys())?.current.generation === 2, { what: "the end", timeoutMs });
  });

  it("names another one when the holder gives its lease back, in the next epoch", async () => {
    const { metadata } = await client.get(RESOURCES.lease, inNamespace(slurmLeaseName(SLURM_CLUSTER_NAME)));
    await client.patch(
      RESOURCES.lease,
      { ...metadata, namespace: NAMESPACE },
      { spec: { holderIdentity: "" } },
    );
    const found = await waitFor(
      async () => {
        const now = await lease();
        return now?.epoch === 2 && now.holder !== undefined ? now : undefined;
      },
      { what: "the next epoch", timeoutMs },
    );
    expect(found.replicas).to.deep.equal(["n-a", "n-b", "n-c"]);
  });

  it("names another one when the holder falls silent", async () => {
    const before = await lease();
    clearInterval(renewals);
    const found = await waitFor(
      async () => {
        const now = await lease();
        return now && before && now.epoch > before.epoch ? now : undefined;
      },
      { what: "another epoch", timeoutMs },
    );
    expect(found.holder).not.to.equal(before?.holder);
  });
});

import {
  agentAccessObjects,
  agentLeaseName,
  CLUSTER_NODE_FINALIZER,
  ClusterNode,
  clusterNodeObject,
  findCondition,
  NAMESPACE,
  nodeIndexObject,
  nodeLeaseObject,
  OPERATOR_USER,
  RESTING_LABEL,
  revocationObject,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { nodeIdOf, nodeName } from "@cluster-os/identity";
import { KubeClient, microTime, resourceOf, resourceOfDefinition, RESOURCES } from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { seededRng, silentLogger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import type { ApiServer } from "@cluster-os/tools/api-server";
import { connectAs, startCluster } from "@cluster-os/tools/cluster";
import { expect } from "chai";
import { createOperator } from "../src/operator.ts";
import { APPLIED_ANNOTATION } from "../src/plan/node-patch.ts";

const NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);
const NODE_ID = nodeIdOf(new Uint8Array(32).fill(7));
const NAME = nodeName(NODE_ID);
const REVOCATION = revocationObject({
  nodeName: NAME,
  nodeId: NODE_ID,
  revokedAt: 1_700_000_000_000,
  retiredJoinKeys: [],
  wasServer: false,
  decidedBy: "a test",
});
const within = (what: string) => ({ what, timeoutMs: 30_000, everyMs: 50 });

describe("clusternode-operator on a real API server", function () {
  this.timeout(120_000);
  let api: ApiServer;
  let admin: KubeClient;
  let operator: KubeClient;
  let metrics: KubeMetrics;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let writes = 0;
  let beat: NodeJS.Timeout | undefined;

  before(async function () {
    const started = await startCluster();
    if ("missing" in started) {
      console.log(`      skipped: ${started.missing}`);
      return this.skip();
    }
    api = started;
    // The test's own hand: it stands for bootstrap, node-agent, kubelet and people.
    admin = new KubeClient(await connectAs(api, "everybody"));
    const bound = await api.kubectl(
      ["create", "clusterrolebinding", "everybody", "--clusterrole=cluster-admin", "--user=everybody"],
      {},
    );
    expect(bound.isDone, bound.stderr).to.equal(true);
    metrics = new KubeMetrics();
    operator = new KubeClient(await connectAs(api, OPERATOR_USER), {
      onRequest: ({ method }) => {
        // PUT is the renewal of its own lease.
        if (!["GET", "PUT"].includes(method)) writes += 1;
      },
    });
    const objects = [
      nodeIndexObject(3, NODE_ID),
      // It names the node, too: the operator may not touch it, and must not want to.
      REVOCATION,
      clusterNodeObject(NAME),
      nodeLeaseObject(NAME),
      ...agentAccessObjects(NAME),
    ];
    for (const object of objects) await admin.create(resourceOf(object, [NODES as never]), object);
    running = createOperator({
      client: operator,
      metrics,
      identity: "test-1",
      listen: { port: 0, host: "127.0.0.1" },
      onLost: (error) => expect.fail(error.message),
      clock: systemClock,
      rng: seededRng(1),
      logger: silentLogger,
    }).run(stopping.signal);
  });

  after(async () => {
    clearInterval(beat);
    stopping.abort();
    await running;
    for (const client of [operator, admin]) client?.[Symbol.dispose]();
    await api?.[Symbol.asyncDispose]();
  });

  const clusterNode = (): Promise<ClusterNodeObject> => admin.get(NODES, { name: NAME });
  const conditionIs = async (type: string, status: string, reason: string): Promise<boolean> => {
    const condition = findCondition((await clusterNode()).status?.conditions, type);
    return condition?.status === status && condition.reason === reason;
  };
  const setSpec = (spec: object) => admin.patch(NODES, { name: NAME }, { spec });
  const kubernetesNode = () => admin.get(RESOURCES.node, { name: NAME });
  const leaseRef = { name: agentLeaseName(NAME), namespace: NAMESPACE };
  const renew = () =>
    admin.patch(RESOURCES.lease, leaseRef, {
      spec: { renewTime: microTime(Date.now()), leaseDurationSeconds: 5 },
    });
  /** As node-agent does, but quicker. */
  const startHeart = (): void => {
    beat = setInterval(() => void renew().catch(() => {}), 300);
  };
  const stopHeart = (): void => clearInterval(beat);

  it("holds a new node by its finalizer, and says that nothing is known of it", async () => {
    await waitFor(() => conditionIs("Ready", "Unknown", "NeverReported"), within("the verdict"));
    const node = await clusterNode();
    expect(node.metadata.finalizers).to.deep.equal([CLUSTER_NODE_FINALIZER]);
    expect(findCondition(node.status?.conditions, "SpecApplied")).to.deep.include({
      status: "False",
      reason: "NodeMissing",
      observedGeneration: 1,
    });
  });

  it("is Ready when heartbeat, mesh and Kubernetes are in order", async () => {
    const conditions = ["MeshConnected", "KubernetesReady"].map((type) => ({
      type,
      status: "True" as const,
      reason: "Test",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    }));
    const status = { nodeID: NODE_ID, roles: ["worker"], conditions };
    await admin.apply(
      NODES,
      { ...clusterNodeObject(NAME), status },
      {
        fieldManager: "cluster-os-node-agent",
        subresource: "status",
      },
    );
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: NAME, labels: { rack: "theirs" } } };
    await admin.create(RESOURCES.node, node);
    startHeart();
    await waitFor(() => conditionIs("Ready", "True", "NodeReady"), within("Ready"));
    await waitFor(() => conditionIs("SpecApplied", "True", "Applied"), within("SpecApplied"));
    expect((await kubernetesNode()).metadata.labels).to.include({ "node-role.kubernetes.io/worker": "" });
  });

  it("writes nothing while nothing changes but heartbeats", async () => {
    // The events of what it did before are written last.
    let settled = -1;
    while (settled !== writes) {
      settled = writes;
      await delay(1000);
    }
    const { resourceVersion } = (await clusterNode()).metadata;
    await delay(3000);
    expect((await clusterNode()).metadata.resourceVersion).to.equal(resourceVersion);
    expect(writes - settled).to.equal(0);
  });

  it("labels, taints and cordon follow the spec, and what others put there stays", async () => {
    await admin.patch(
      RESOURCES.node,
      { name: NAME },
      {
        spec: { taints: [{ key: "theirs", effect: "NoSchedule" }] },
      },
    );
    await setSpec({
      unschedulable: true,
      labels: { rack: "7", zone: "a" },
      taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }],
    });
    await waitFor(async () => (await kubernetesNode()).spec?.unschedulable, within("the cordon"));
    const { metadata, spec } = await kubernetesNode();
    expect(metadata.labels).to.include({ rack: "7", zone: "a" });
    expect(spec?.taints?.map(({ key }) => key)).to.include.members(["theirs", "gpu"]);
    await waitFor(async () => {
      const applied = findCondition((await clusterNode()).status?.conditions, "SpecApplied");
      return applied?.observedGeneration === 2;
    }, within("the generation"));
    await setSpec({ unschedulable: null, labels: { rack: null }, taints: null });
    await waitFor(async () => (await kubernetesNode()).spec?.unschedulable === undefined, within("its end"));
    const after = await kubernetesNode();
    expect(after.metadata.labels).to.include({ zone: "a" }).and.not.have.property("rack");
    expect(after.spec?.taints?.map(({ key }) => key))
      .to.include("theirs")
      .and.not.include("gpu");
    expect(after.metadata.annotations?.[APPLIED_ANNOTATION]).to.equal(
      '{"labels":["node-role.kubernetes.io/worker","zone"]}',
    );
  });

  it("a cordon of somebody else outlives one of the spec", async () => {
    await admin.patch(RESOURCES.node, { name: NAME }, { spec: { unschedulable: true } });
    await setSpec({ unschedulable: true });
    await waitFor(
      async () =>
        findCondition((await clusterNode()).status?.conditions, "SpecApplied")?.observedGeneration ===
        (await clusterNode()).metadata.generation,
      within("the wish"),
    );
    await setSpec({ unschedulable: null });
    await waitFor(
      async () =>
        findCondition((await clusterNode()).status?.conditions, "SpecApplied")?.observedGeneration ===
        (await clusterNode()).metadata.generation,
      within("its end"),
    );
    expect((await kubernetesNode()).spec?.unschedulable).to.equal(true);
  });

  it("a heartbeat that ends makes Ready Unknown, and one that begins again True", async () => {
    stopHeart();
    await waitFor(() => conditionIs("Ready", "Unknown", "HeartbeatExpired"), within("Unknown"));
    startHeart();
    await waitFor(() => conditionIs("Ready", "True", "NodeReady"), within("True again"));
  });

  it("a machine that left is told apart from one that is silent", async () => {
    const member = (status: "True" | "False", reason: string) =>
      admin.apply(
        NODES,
        {
          ...clusterNodeObject(NAME),
          spec: undefined,
          status: {
            conditions: [
              { type: "Member", status, reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
            ],
          },
        } as unknown as ClusterNodeObject,
        { fieldManager: "cluster-os-bootstrap", subresource: "status", force: true },
      );
    await member("False", "Left");
    await waitFor(() => conditionIs("Ready", "False", "Left"), within("False"));
    await member("True", "Joined");
    await waitFor(() => conditionIs("Ready", "True", "NodeReady"), within("True again"));
  });

  it("tells of every act by an event", async () => {
    const told = async (): Promise<readonly string[]> => {
      const { items } = await admin.list(RESOURCES.event, { namespace: "default" });
      return items.filter(({ regarding }) => regarding.name === NAME).map(({ reason }) => reason);
    };
    const wanted = ["NeverReported", "NodeReady", "Cordoned", "Uncordoned", "LabelsChanged", "TaintsChanged"];
    await waitFor(async () => {
      const reasons = await told();
      return wanted.every((reason) => reasons.includes(reason));
    }, within("the events"));
    expect(await told()).to.include.members(["HeartbeatExpired", "Left"]);
  });

  const status = (conditions: readonly object[]) => ({ status: { conditions } });
  const foreign = {
    type: "MeshConnected",
    status: "True",
    reason: "Lie",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const refusals: readonly {
    readonly name: string;
    readonly act: () => Promise<unknown>;
    readonly message: string;
  }[] = [
    {
      name: "a spec",
      act: () => operator.patch(NODES, { name: NAME }, { spec: { unschedulable: true } }),
      message: "the spec of a ClusterNode is people's",
    },
    {
      name: "node-agent's conditions",
      act: () => operator.patch(NODES, { name: NAME }, status([foreign]), { subresource: "status" }),
      message: "writes the conditions Ready and SpecApplied only",
    },
    {
      name: "node IDs",
      act: () =>
        operator.patch(
          NODES,
          { name: NAME },
          { status: { roles: ["control-plane"] } },
          { subresource: "status" },
        ),
      message: "writes the conditions Ready and SpecApplied only",
    },
    {
      name: "other objects of the cluster",
      act: () =>
        operator.patch(RESOURCES.configMap, { name: "others", namespace: NAMESPACE }, { data: { key: "x" } }),
      message: "marks the objects of indexes only",
    },
  ];
  for (const { name, act, message } of refusals) {
    it(`cannot write ${name}`, async () => {
      const others = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "others", namespace: NAMESPACE },
      };
      await admin.apply(RESOURCES.configMap, others, { fieldManager: "people" });
      const refused = await act().then(() => "it was taken", String);
      expect(refused).to.contain(message);
    });
  }

  it("cannot delete rights and leases that are not a node-agent's", async () => {
    const admins = await operator.delete(RESOURCES.clusterRole, { name: "cluster-admin" }).catch(String);
    expect(admins).to.contain("the operator takes away the rights of node-agents only");
    const own = { name: "clusternode-operator", namespace: NAMESPACE };
    const lease = await operator.delete(RESOURCES.lease, own).catch(String);
    expect(lease).to.contain("the operator deletes the leases of node-agents only");
  });

  for (const args of [
    ["get", "secrets", "-n", NAMESPACE],
    ["list", "secrets", "-A"],
    ["create", "pods", "-n", NAMESPACE],
    ["get", "pods", "-n", "kube-system"],
    ["create", "clusternodes"],
    ["delete", "clusternodes"],
    ["create", "clusterroles"],
    ["bind", "clusterroles"],
    ["escalate", "clusterroles"],
    ["delete", "leases", "-n", "kube-system"],
    ["update", "leases/bootstrap-control", "-n", NAMESPACE],
    ["create", "serviceaccounts/token", "-n", NAMESPACE],
  ]) {
    it(`may not ${args.join(" ")}`, async () => {
      const { stdout } = await api.kubectl(["auth", "can-i", ...args], { user: OPERATOR_USER });
      expect(stdout.trim()).to.equal("no");
    });
  }

  it("a removed node takes its objects along, and its index rests", async () => {
    stopHeart();
    await admin.delete(NODES, { name: NAME });
    await waitFor(async () => (await admin.find(NODES, { name: NAME })) === undefined, within("its end"));
    expect(await admin.find(RESOURCES.node, { name: NAME })).to.equal(undefined);
    expect(await admin.find(RESOURCES.lease, leaseRef)).to.equal(undefined);
    for (const object of agentAccessObjects(NAME)) {
      expect(await admin.find(resourceOf(object), object.metadata), object.kind).to.equal(undefined);
    }
    const index = await admin.get(RESOURCES.configMap, { name: "node-index-3", namespace: NAMESPACE });
    expect(index.metadata.labels?.[RESTING_LABEL]).to.equal("true");
    expect(index.data?.["nodeID"]).to.equal(NODE_ID);
  });

  it("a second candidate leads as soon as the first stops", async () => {
    const second = new AbortController();
    using client = new KubeClient(await connectAs(api, OPERATOR_USER));
    const next = createOperator({
      client,
      metrics: new KubeMetrics(),
      identity: "test-2",
      listen: { port: 0, host: "127.0.0.1" },
      onLost: (error) => expect.fail(error.message),
      clock: systemClock,
      rng: seededRng(2),
      logger: silentLogger,
    }).run(second.signal);
    const holder = async (): Promise<string | undefined> => {
      const ref = { name: "clusternode-operator", namespace: NAMESPACE };
      return (await admin.get(RESOURCES.lease, ref)).spec?.holderIdentity;
    };
    await delay(1000);
    expect(await holder()).to.equal("test-1");
    stopping.abort();
    await running;
    await waitFor(async () => (await holder()) === "test-2", within("the other one"));
    second.abort();
    await next;
  });
});

import {
  agentAccessObjects,
  agentLeaseName,
  ClusterNode,
  clusterNodeObject,
  findCondition,
  NAMESPACE,
  nodeIndexObject,
  nodeLeaseObject,
  RESTING_LABEL,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { nodeIdOf, nodeName, type NodeId } from "@cluster-os/identity";
import {
  keyOf,
  KubeClient,
  microTime,
  resourceOf,
  resourceOfDefinition,
  RESOURCES,
  type AnyObject,
  type Node,
} from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { FakeApiServer, NO_FAULTS, randomFaults } from "@cluster-os/kube/testing";
import { randomInteger, seededRng, silentLogger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { createOperator } from "../src/operator.ts";
import { nodeWish, planNodePatch } from "../src/plan/node-patch.ts";

const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);
const SEED = Number(process.env["SEED"] ?? 1);
const COUNT = 30;
const CHANGES = 600;

/**
 * The operator against an API server whose lists and watches go wrong all the time, while people, agents and kubelets
 * change things. When it is over, everything has to be as if nothing had gone wrong.
 */
describe(`clusternode-operator on an API that goes wrong (SEED=${SEED})`, function () {
  this.timeout(120_000);

  it(`has brought all of ${COUNT} nodes to what ${CHANGES} changes wished`, async () => {
    const rng = seededRng(SEED);
    await using fake = await FakeApiServer.start([CLUSTER_NODES, ...Object.values(RESOURCES)] as never);
    const { world } = fake;
    const ids: NodeId[] = Array.from({ length: COUNT }, (_, index) =>
      nodeIdOf(new Uint8Array(32).fill(index)),
    );
    const put = (object: object): void => {
      const plain = object as AnyObject;
      world.create(resourceOf(plain, [CLUSTER_NODES]).plural, plain);
    };
    const conditions = ["MeshConnected", "KubernetesReady"].map((type) => ({
      type,
      status: "True",
      reason: "Test",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    }));
    for (const [index, id] of ids.entries()) {
      const name = nodeName(id);
      put(nodeIndexObject(index + 1, id));
      put({ ...clusterNodeObject(name), status: { nodeID: id, roles: ["worker"], conditions } });
      put({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: {} });
      put(nodeLeaseObject(name));
      for (const object of agentAccessObjects(name)) put(object);
    }
    const alive = new Set(ids.map(nodeName));
    const leaseKey = (name: string): string => keyOf({ name: agentLeaseName(name), namespace: NAMESPACE });
    let beats = 0;
    const renewAll = (): void => {
      beats += 1;
      const spec = { renewTime: microTime(beats * 1000) };
      for (const name of alive) {
        if (world.at("leases").has(leaseKey(name))) world.mergePatch("leases", leaseKey(name), { spec });
      }
    };

    const stopping = new AbortController();
    using client = new KubeClient(fake.connection, { timeoutMs: 2000 });
    const running = createOperator({
      client,
      metrics: new KubeMetrics(),
      identity: "test",
      listen: { port: 0, host: "127.0.0.1" },
      onLost: (error) => expect.fail(error.message),
      clock: systemClock,
      rng: seededRng(SEED + 1),
      logger: silentLogger,
      // A watch that has gone silent without a word is given up soon, or the test would wait for it.
      inactivityMs: 500,
    }).run(stopping.signal);
    const heart = setInterval(renewAll, 400);

    fake.faults = randomFaults(seededRng(SEED + 2), { readsPer: 4, eventsPer: 60 });
    const names = ids.map(nodeName);
    for (let change = 0; change < CHANGES; change += 1) {
      const name = names[randomInteger(rng, COUNT)] as string;
      const value = `v${randomInteger(rng, 3)}`;
      const kind = randomInteger(rng, 20);
      if (kind === 0 && alive.size > COUNT / 2 && alive.has(name)) {
        alive.delete(name);
        world.delete("clusternodes", name);
      } else if (alive.has(name)) {
        const spec =
          kind < 8
            ? { labels: { rack: value } }
            : kind < 12
              ? { unschedulable: randomInteger(rng, 2) === 1 }
              : { taints: kind < 16 ? [{ key: "gpu", value, effect: "NoSchedule" }] : null };
        world.mergePatch("clusternodes", name, { spec });
      }
      if (change % 5 === 0) await delay(5);
    }
    fake.faults = NO_FAULTS;
    // What is silent by then says so by its silence; the others are in order.

    const clusterNodes = (): readonly ClusterNodeObject[] =>
      [...world.at("clusternodes").values()] as unknown as readonly ClusterNodeObject[];
    const wrong = (): readonly string[] =>
      clusterNodes().flatMap((object) => {
        const { name, generation } = object.metadata;
        const node = world.at("nodes").get(name) as unknown as Node;
        const ready = findCondition(object.status?.conditions, "Ready");
        const applied = findCondition(object.status?.conditions, "SpecApplied");
        const isWished = planNodePatch(nodeWish(object.spec, ["worker"]), node) === undefined;
        const isRight =
          isWished &&
          ready?.status === "True" &&
          applied?.observedGeneration === generation &&
          alive.has(name);
        return isRight ? [] : [`${name}: wished ${isWished}, ready ${ready?.status}`];
      });
    await waitFor(() => wrong().length === 0 && clusterNodes().length === alive.size, {
      what: "everything in order",
      timeoutMs: 60_000,
      everyMs: 200,
    }).catch((error: unknown) => {
      throw new Error(`not in order: ${wrong().join("; ")}`, { cause: error });
    });

    const removed = names.filter((name) => !alive.has(name));
    expect(removed.length).to.be.greaterThan(3);
    for (const name of removed) {
      expect(world.at("nodes").has(name)).to.equal(false);
      expect(world.at("leases").has(leaseKey(name))).to.equal(false);
      for (const object of agentAccessObjects(name)) {
        expect(world.at(resourceOf(object).plural).has(keyOf(object.metadata)), object.kind).to.equal(false);
      }
      const index = world.get(
        "configmaps",
        keyOf({ name: `node-index-${names.indexOf(name) + 1}`, namespace: NAMESPACE }),
      );
      expect(index.metadata.labels?.[RESTING_LABEL]).to.equal("true");
    }
    clearInterval(heart);
    stopping.abort();
    await running;
  });
});

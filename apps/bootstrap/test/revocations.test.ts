import {
  agentAccessObjects,
  clusterNodeObject,
  KEYS_REPLACED_ANNOTATION,
  NAMESPACE,
  nodeIndexObject,
  nodeLeaseObject,
  readRevocation,
  RESTING_LABEL,
  revocationName,
  type ClusterNodeObject,
} from "@cluster-os/api";
import type { RevocationDecision } from "@cluster-os/formation";
import { generateIdentity, nodeName, type NodeId } from "@cluster-os/identity";
import { KubeClient, resourceOf, RESOURCES, type KubeObject } from "@cluster-os/kube";
import { FakeApiServer } from "@cluster-os/kube/testing";
import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { CLUSTER_NODES, createOnce } from "../src/server/kube.ts";
import type { NodeAct } from "../src/server/node-events.ts";
import { Revocations } from "../src/server/revocations.ts";

const NOW = 1_700_000_000_000;
const KEY = "0123456789abcdef";
const [self, server, worker, stranger] = Array.from(
  { length: 4 },
  (_, at) => generateIdentity(seededRng(60 + at)).nodeId,
) as [NodeId, NodeId, NodeId, NodeId];
const SERVERS = [self, server];

describe("revocations in the API", () => {
  let fake: FakeApiServer;
  let kube: KubeClient;

  beforeEach(async () => {
    fake = await FakeApiServer.start([...Object.values(RESOURCES), CLUSTER_NODES]);
    kube = new KubeClient(fake.connection, { userAgent: "test" });
    for (const [at, nodeId] of [self, server, worker].entries()) {
      const name = nodeName(nodeId);
      const objects = [clusterNodeObject(name), nodeLeaseObject(name), ...agentAccessObjects(name)];
      for (const object of [nodeIndexObject(at + 1, nodeId), ...objects]) await createOnce(kube, object);
    }
  });
  afterEach(async () => {
    kube[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  /** One server's part; what it spread, told and removed. */
  function onServer(owner: NodeId = self) {
    const revoked: RevocationDecision[] = [];
    const told: NodeAct["kind"][] = [];
    const removed: string[] = [];
    const known: NodeId[] = [];
    const revocations = new Revocations({
      kube,
      self: owner,
      view: {
        roster: () => [self, server, worker].map((nodeId, at) => ({ nodeId, index: at + 1, hasLeft: false })),
        isServer: (nodeId) => SERVERS.includes(nodeId),
        isRevoked: (nodeId) => revoked.some((decision) => decision.nodeId === nodeId),
        revocations: () =>
          known.map((nodeId) => ({ clusterId: "c0ffee", nodeId, revokedAt: 7, retiredJoinKeys: [KEY] })),
        joinKeyIds: [KEY],
      },
      events: { tell: (_, act) => Promise.resolve(void told.push(act.kind)) },
      etcdMembers: () =>
        Promise.resolve(
          SERVERS.map((nodeId) => ({ name: nodeName(nodeId), address: "", isLearner: false, healthy: true })),
        ),
      revoke: (decision) => Promise.resolve(void revoked.push(decision)),
      removeMember: (name) => Promise.resolve(void removed.push(name)),
      logger: silentLogger,
    });
    return { revocations, revoked, told, removed, known };
  }

  const exists = async (object: KubeObject): Promise<boolean> =>
    (await kube.find(resourceOf(object, [CLUSTER_NODES]), object.metadata)) !== undefined;

  it("are there before anybody hears of them", async () => {
    const { revocations, revoked } = onServer();
    const answer = await revocations.revoke(nodeName(worker), "a test", NOW);
    const object = await kube.find(RESOURCES.configMap, {
      name: revocationName(nodeName(worker)),
      namespace: NAMESPACE,
    });
    expect(object && readRevocation(object)).to.deep.equal(answer);
    expect(answer).to.deep.include({
      nodeId: worker,
      revokedAt: NOW,
      retiredJoinKeys: [KEY],
      wasServer: false,
    });
    expect(revoked).to.deep.equal([{ nodeId: worker, revokedAt: NOW, retiredJoinKeys: [KEY] }]);
  });

  it("are decided once: a second server spreads the same", async () => {
    const first = await onServer().revocations.revoke(worker, "one", NOW);
    const other = onServer(server);
    expect(await other.revocations.revoke(nodeName(worker), "two", NOW + 5_000)).to.deep.equal(first);
    expect(other.revoked).to.deep.equal([{ nodeId: worker, revokedAt: NOW, retiredJoinKeys: [KEY] }]);
  });

  it("are entered anew where etcd was made anew from an older state: none is ever lost", async () => {
    const { revocations, known, removed } = onServer();
    known.push(worker);
    await revocations.round(NOW);
    expect(await revocations.list()).to.deep.include({
      nodeName: nodeName(worker),
      nodeId: worker,
      revokedAt: 7,
      retiredJoinKeys: [KEY],
      wasServer: true,
      decidedBy: "the members' records",
    });
    expect(removed).to.deep.equal([nodeName(worker)]);
  });

  it("reach nobody when the API does not take them", async () => {
    const { revocations, revoked } = onServer();
    await fake[Symbol.asyncDispose]();
    const failure = await revocations.revoke(worker, "a test", NOW).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(revoked).to.deep.equal([]);
  });

  it("are finished by the server that leads, whoever began", async () => {
    await onServer().revocations.revoke(worker, "one", NOW);
    const { revocations, revoked, told, removed } = onServer(server);
    expect(await revocations.round(NOW)).to.equal(true);
    expect(revoked).to.have.length(1);
    const name = nodeName(worker);
    for (const object of [nodeLeaseObject(name), ...agentAccessObjects(name)])
      expect(await exists(object), `${object.kind} ${object.metadata.name}`).to.equal(false);
    expect(removed).to.deep.equal([name]);
    expect(told).to.deep.equal(["revoked"]);
    const node = await kube.find(CLUSTER_NODES, { name });
    // The operator's finalizer holds it until its part is done, too.
    expect(node === undefined || node.metadata.deletionTimestamp !== undefined).to.equal(true);
    const index = nodeIndexObject(3, worker);
    const resting = await kube.find(RESOURCES.configMap, index.metadata);
    expect(resting?.metadata.labels?.[RESTING_LABEL]).to.equal("true");
    expect(await exists(clusterNodeObject(nodeName(server)))).to.equal(true);
    await revocations.round(NOW);
    expect(removed).to.have.length(1);
  });

  it("follow from the spec of a ClusterNode", async () => {
    const { revocations, revoked } = onServer();
    await setSpec(nodeName(worker));
    await revocations.round(NOW);
    expect(revoked.map(({ nodeId }) => nodeId)).to.deep.equal([worker]);
  });

  it("take away certificates that were asked for", async () => {
    const name = nodeName(worker);
    for (const object of [
      request(`cluster-os-${name}-1`),
      request("csr-1", `system:node:${name}`),
      request("csr-2", "system:node:n-x"),
    ])
      await kube.create(RESOURCES.certificateSigningRequest, object);
    const { revocations } = onServer();
    await revocations.revoke(worker, "a test", NOW);
    await revocations.round(NOW);
    const { items } = await kube.list(RESOURCES.certificateSigningRequest);
    expect(items.map(({ metadata }) => metadata.name)).to.deep.equal(["csr-2"]);
  });

  it("of a server are remembered as an exposure until its keys are replaced", async () => {
    const { revocations } = onServer();
    const { wasServer } = await revocations.revoke(server, "a test", NOW);
    expect(wasServer).to.equal(true);
    await revocations.round(NOW);
    expect(revocations.exposedBy).to.deep.equal([nodeName(server)]);
    const metadata = { name: revocationName(nodeName(server)), namespace: NAMESPACE };
    await kube.patch(RESOURCES.configMap, metadata, {
      metadata: { annotations: { [KEYS_REPLACED_ANNOTATION]: "2026-01-01T00:00:00Z" } },
    });
    await revocations.round(NOW);
    expect(revocations.exposedBy).to.deep.equal([]);
  });

  it("of the leader itself are left to the next one", async () => {
    const { revocations, revoked, removed } = onServer();
    await revocations.revoke(self, "a test", NOW);
    expect(await revocations.round(NOW)).to.equal(false);
    expect([revoked, removed]).to.deep.equal([[], []]);
    const next = onServer(server);
    expect(await next.revocations.round(NOW)).to.equal(true);
    expect(next.revoked.map(({ nodeId }) => nodeId)).to.deep.equal([self]);
    expect(next.removed).to.deep.equal([nodeName(self)]);
  });

  it("name a node that nobody knows, and take a key that never was a member's", async () => {
    const { revocations, revoked } = onServer();
    const failure = await revocations.revoke("n-aaaaaaaaaa", "a test", NOW).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property("message").that.includes("no member is called");
    await revocations.revoke(stranger, "a test", NOW);
    expect(revoked.map(({ nodeId }) => nodeId)).to.deep.equal([stranger]);
  });

  async function setSpec(name: string): Promise<void> {
    const node = (await kube.find(CLUSTER_NODES, { name })) as ClusterNodeObject;
    await kube.replace(CLUSTER_NODES, { ...node, spec: { admission: "Revoked" } });
  }
});

function request(name: string, username?: string) {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: {
      request: "",
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
      ...(username !== undefined && { username }),
    },
  };
}

import { baseObjects, ClusterNode, clusterNodeObject, type ClusterNodeObject } from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { findHyperkube, startApiServer, type ApiServer } from "@cluster-os/tools/api-server";
import { expect } from "chai";
import { execa } from "execa";
import {
  KubeClient,
  KubeError,
  microTime,
  resourceOf,
  resourceOfDefinition,
  RESOURCES,
} from "../src/index.ts";
import { connectAs } from "./named-user.ts";

const CLUSTER_NODE = resourceOfDefinition<ClusterNodeObject>(ClusterNode);
const ALL = ["get", "list", "watch", "create", "update", "patch", "delete"];

describe("client on a real API server, as a named user", function () {
  this.timeout(120_000);
  let api: ApiServer;
  let client: KubeClient;

  before(async function () {
    const found = await findHyperkube();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    api = await startApiServer(found.path);
    const signing = "certificates.k8s.io";
    client = new KubeClient(
      await connectAs(api, "client-tester", [
        { apiGroups: ["cluster-os.dev"], resources: ["clusternodes", "clusternodes/status"], verbs: ALL },
        {
          apiGroups: ["", "coordination.k8s.io"],
          resources: ["configmaps", "leases", "namespaces"],
          verbs: ALL,
        },
        { apiGroups: ["apiextensions.k8s.io"], resources: ["customresourcedefinitions"], verbs: ALL },
        { apiGroups: [signing], resources: ["certificatesigningrequests"], verbs: ALL },
        { apiGroups: [signing], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
        { apiGroups: [signing], resources: ["signers"], verbs: ["approve"] },
      ]),
    );
    for (const object of baseObjects().filter(({ kind }) =>
      ["Namespace", RESOURCES.customResourceDefinition.kind].includes(kind),
    ))
      await client.apply(resourceOf(object), object, { fieldManager: "tester", force: true });
    await waitFor(async () => (await client.list(CLUSTER_NODE)).items, {
      what: "the definition",
      timeoutMs: 30_000,
    });
  });

  after(async () => {
    client?.[Symbol.dispose]();
    await api?.[Symbol.asyncDispose]();
  });

  it("a definition arrives with all its x-kubernetes- fields", async () => {
    const { stdout } = await api.kubectl(["get", "crd", "clusternodes.cluster-os.dev", "-o", "json"]);
    expect(stdout).to.contain("x-kubernetes-list-map-keys").and.contain("x-kubernetes-validations");
  });

  it("creates once, finds, replaces at what it read, deletes", async () => {
    const ref = { namespace: "cluster-os", name: "one" };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: ref, data: { a: "1" } };
    const created = await client.create(RESOURCES.configMap, object);
    const again: unknown = await client.create(RESOURCES.configMap, object).catch((e: unknown) => e);
    expect(again).to.be.instanceOf(KubeError).and.include({ status: 409, reason: "AlreadyExists" });
    await client.replace(RESOURCES.configMap, { ...created, data: { a: "2" } });
    const late: unknown = await client.replace(RESOURCES.configMap, created).catch((e: unknown) => e);
    expect(late).to.include({ status: 409, reason: "Conflict", isConflict: true });
    const merged = await client.patch(RESOURCES.configMap, ref, { data: { b: "3" } });
    expect(merged.data).to.deep.equal({ a: "2", b: "3" });
    const test = [
      { op: "test", path: "/data/a", value: "2" },
      { op: "remove", path: "/data/a" },
    ];
    const patched = await client.patch(RESOURCES.configMap, ref, test, { type: "json" });
    expect(patched.data).to.deep.equal({ b: "3" });
    const other = { preconditions: { uid: "of-another-life" } };
    const kept: unknown = await client.delete(RESOURCES.configMap, ref, other).catch((e: unknown) => e);
    expect(kept).to.include({ status: 409 });
    await client.delete(RESOURCES.configMap, ref);
    expect(await client.find(RESOURCES.configMap, ref)).to.equal(undefined);
  });

  it("applies an object and its status, each under its manager", async () => {
    const node = clusterNodeObject("n-a");
    await client.apply(CLUSTER_NODE, node, { fieldManager: "tester" });
    const status = { index: 7 };
    const applied = await client.apply(
      CLUSTER_NODE,
      { apiVersion: node.apiVersion, kind: node.kind, metadata: { name: "n-a" }, status },
      { fieldManager: "agent", force: true, subresource: "status" },
    );
    expect(applied.status).to.deep.equal(status);
    const rival: unknown = await client
      .apply(
        CLUSTER_NODE,
        { apiVersion: node.apiVersion, kind: node.kind, metadata: { name: "n-a" }, status: { index: 8 } },
        { fieldManager: "rival", subresource: "status" },
      )
      .catch((e: unknown) => e);
    expect(rival).to.include({ status: 409, reason: "Conflict" });
  });

  it("renews a Lease with a merge patch", async () => {
    const ref = { namespace: "cluster-os", name: "lease" };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: ref };
    await client.create(RESOURCES.lease, lease);
    const spec = { holderIdentity: "me", leaseDurationSeconds: 15, renewTime: microTime(Date.now()) };
    expect((await client.patch(RESOURCES.lease, ref, { spec })).spec).to.deep.equal(spec);
  });

  it("approves a certificate request", async () => {
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const csr = await execa("openssl", ["req", ...newKey, "-keyout", "/dev/null", "-subj", "/CN=x"]);
    const request = await client.create(RESOURCES.certificateSigningRequest, {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: "x" },
      spec: {
        request: Buffer.from(csr.stdout).toString("base64"),
        signerName: "kubernetes.io/kube-apiserver-client",
        usages: ["client auth"],
      },
    });
    const approval = { type: "Approved", status: "True", reason: "Tested", message: "" };
    const approved = await client.replace(
      RESOURCES.certificateSigningRequest,
      { ...request, status: { conditions: [approval] } },
      { subresource: "approval" },
    );
    expect(approved["status"]).to.have.nested.property("conditions[0].type", "Approved");
  });

  it("lists in pages, and watches on from there", async () => {
    for (let index = 0; index < 5; index += 1)
      await client.create(RESOURCES.configMap, configMap(`page-${index}`));
    const selection = { namespace: "cluster-os", labelSelector: "test=pages" };
    const first = await client.list(RESOURCES.configMap, { ...selection, limit: 3 });
    const second = await client.list(RESOURCES.configMap, {
      ...selection,
      limit: 3,
      continue: first.metadata.continue,
    });
    const names = [...first.items, ...second.items].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).to.deep.equal([0, 1, 2, 3, 4].map((index) => `ConfigMap page-${index}`));
    const watch = client.watch(RESOURCES.configMap, {
      ...selection,
      resourceVersion: second.metadata.resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: 5,
    });
    await client.delete(RESOURCES.configMap, { namespace: "cluster-os", name: "page-0" });
    const event = await watch.next();
    expect(event.value).to.include({ type: "DELETED" });
    await watch.return();
  });

  it("what is too old is expired", async () => {
    const events = client.watch(RESOURCES.configMap, { resourceVersion: "1" });
    const error: unknown = await events.next().catch((e: unknown) => e);
    if (error instanceof KubeError) expect(error.isExpired).to.equal(true);
    await events.return().catch(() => undefined);
  });

  it("may do no more than it was granted", async () => {
    const refused: unknown = await client.list(RESOURCES.secret).catch((e: unknown) => e);
    expect(refused).to.include({ status: 403, reason: "Forbidden", isForbidden: true });
  });

  function configMap(name: string) {
    const metadata = { namespace: "cluster-os", name, labels: { test: "pages" } };
    return { apiVersion: "v1", kind: "ConfigMap", metadata };
  }
});

import { ClusterNode } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { keyOf, nameOf, pathOf, resourceOf, resourceOfDefinition, RESOURCES } from "../src/index.ts";

const CLUSTER_NODE = resourceOfDefinition(ClusterNode);

describe("paths", () => {
  const { lease, namespace, deployment, clusterRole, certificateSigningRequest } = RESOURCES;
  const table = [
    { name: "core, cluster", path: pathOf(namespace, { name: "a" }), expected: "/api/v1/namespaces/a" },
    { name: "core, all", path: pathOf(namespace), expected: "/api/v1/namespaces" },
    {
      name: "group, of all namespaces",
      path: pathOf(lease),
      expected: "/apis/coordination.k8s.io/v1/leases",
    },
    {
      name: "group, of one namespace",
      path: pathOf(lease, { namespace: "cluster-os" }),
      expected: "/apis/coordination.k8s.io/v1/namespaces/cluster-os/leases",
    },
    {
      name: "one object's status",
      path: pathOf(deployment, { namespace: "a", name: "b" }, "status"),
      expected: "/apis/apps/v1/namespaces/a/deployments/b/status",
    },
    {
      name: "names with colons",
      path: pathOf(clusterRole, { name: "cluster-os:node:n-a" }),
      expected: "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-os%3Anode%3An-a",
    },
    {
      name: "approval",
      path: pathOf(certificateSigningRequest, { name: "x" }, "approval"),
      expected: "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval",
    },
    {
      name: "a custom resource, whose namespace is nobody's",
      path: pathOf(CLUSTER_NODE, { name: "n-a", namespace: "ignored" }, "status"),
      expected: "/apis/cluster-os.dev/v1alpha1/clusternodes/n-a/status",
    },
  ];
  for (const { name, path, expected } of table) it(name, () => expect(path).to.equal(expected));

  it("an object without the namespace it needs is a mistake, not another object", () => {
    expect(() => pathOf(lease, { name: "a" })).to.throw(RangeError, "its namespace is missing");
  });

  it("no name leads out of its place", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (namespace, name) => {
        let path: string;
        try {
          path = pathOf(lease, { namespace, name });
        } catch (error) {
          expect(error).to.be.instanceOf(RangeError);
          return;
        }
        const { pathname, search, hash } = new URL(path, "https://api");
        expect([pathname.split("/").length, search, hash]).to.deep.equal([8, "", ""]);
        expect(decodeURIComponent(pathname.split("/")[7] ?? "")).to.equal(name);
      }),
    );
  });
});

describe("resources", () => {
  it("are found by an object's own words", () => {
    expect(resourceOf({ apiVersion: "apps/v1", kind: "Deployment" }).plural).to.equal("deployments");
    expect(resourceOf({ apiVersion: "v1", kind: "Secret" })).to.equal(RESOURCES.secret);
    const clusterNode = { apiVersion: "cluster-os.dev/v1alpha1", kind: "ClusterNode" };
    expect(resourceOf(clusterNode, [CLUSTER_NODE])).to.equal(CLUSTER_NODE);
    expect(() => resourceOf(clusterNode)).to.throw("no resource is known for cluster-os.dev/v1alpha1");
  });

  it("keys and names are each other's inverse", () => {
    for (const name of [{ name: "a" }, { namespace: "n", name: "a:b" }])
      expect(nameOf(keyOf(name))).to.deep.equal(name);
  });
});

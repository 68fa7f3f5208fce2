import { expect } from "chai";
import { keepOfClusterNode, keepOfNode } from "../src/keep.ts";
import { planNode } from "../src/plan/plan-node.ts";
import { clusterNode, condition, kubernetesNode, NOW } from "./fixtures.ts";

describe("what the operator keeps", () => {
  const reported = clusterNode({
    spec: { labels: { rack: "7" } },
    conditions: [condition("MeshConnected"), condition("KubernetesReady", "False")],
    status: {
      roles: ["worker"],
      mesh: { interface: "cos0", peers: [{ node: "n-b", address: "10.86.0.2", connected: true }] },
      addresses: [{ type: "Mesh", address: "10.86.0.1" }],
    },
  });

  it("of a ClusterNode is no hardware, address or peer", () => {
    expect(keepOfClusterNode(reported).status).to.have.all.keys("roles", "conditions");
  });

  it("of a ClusterNode that nobody reported on is all there is", () => {
    const { status: _, ...bare } = clusterNode();
    expect(keepOfClusterNode(bare)).to.deep.equal(bare);
  });

  it("of a Node is not what its kubelet reports", () => {
    const node = kubernetesNode({ spec: { unschedulable: true } });
    expect(keepOfNode({ ...node, status: { images: [] } } as typeof node)).to.deep.equal(node);
  });

  for (const heartbeat of ["fresh", "expired", "never", "unjudged"] as const) {
    it(`leads to the same plan as all of it, heartbeat ${heartbeat}`, () => {
      const node = kubernetesNode();
      const kept = { clusterNode: keepOfClusterNode(reported), node: keepOfNode(node), heartbeat };
      expect(planNode(kept, NOW)).to.deep.equal(planNode({ clusterNode: reported, node, heartbeat }, NOW));
    });
  }
});

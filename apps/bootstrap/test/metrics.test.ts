import type { NodeStatus } from "@cluster-os/api";
import { expect } from "chai";
import { renderMetrics } from "../src/metrics.ts";

const status: NodeStatus = {
  name: "n-a",
  nodeId: `ed25519:${"1".repeat(64)}`,
  version: "0.1.0",
  lifecycle: "serve",
  roles: ["server"],
  underlayAddresses: [],
  discovery: { interfaces: [], candidates: 0, beaconsSent: 0, beaconsHeard: 0, unheardBy: 0 },
  epoch: 0,
  kubernetes: { state: "ready", epoch: 0 },
  members: { alive: 2, suspect: 0, failed: 1, left: 0 },
  controlPlane: {
    voters: [
      { index: 1, name: "n-a", healthy: true },
      { index: 2, name: "n-b", healthy: false },
    ],
    learners: [],
    leader: "n-a",
    autopilot: {
      epoch: 2_000_003,
      servers: ["n-a"],
      wanted: 3,
      action: "nothing",
      reason: "n-b does not answer",
      isLeader: true,
    },
  },
  clockOffsets: [],
  problems: [],
  steps: [],
  counters: { probes: 12 },
};

describe("metrics", () => {
  it("tell who lives, who votes and what autopilot does, each with its help and type", () => {
    const text = renderMetrics(status);
    for (const line of [
      '# TYPE cluster_os_members gauge\ncluster_os_members{status="alive"} 2\n',
      "cluster_os_voters 2\n",
      "cluster_os_voters_healthy 1\n",
      "cluster_os_has_leader 1\n",
      "cluster_os_roles_epoch 2000003\n",
      "cluster_os_restore_generation 2\n",
      "cluster_os_autopilot_wanted_voters 3\n",
      "cluster_os_autopilot_acts 0\n",
      '# TYPE cluster_os_protocol_total counter\ncluster_os_protocol_total{what="probes"} 12\n',
    ])
      expect(text).to.include(line);
  });

  it("name no node and no key", () => {
    expect(renderMetrics(status)).to.not.match(/n-[ab]|ed25519/);
  });

  it("of a machine that is no ready server have nothing of autopilot", () => {
    const { autopilot: _, ...controlPlane } = status.controlPlane;
    expect(renderMetrics({ ...status, controlPlane })).to.not.include("autopilot");
  });
});

import type { SlurmClusterStatus } from "@cluster-os/api";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { expect } from "chai";
import { slurmMetrics } from "../src/metrics.ts";

const STATUS: SlurmClusterStatus = {
  activeController: { node: "n-a", address: "10.86.0.1", epoch: 4, since: "2026-06-01T12:00:00Z" },
  replicas: [
    { node: "n-a", position: { epoch: 4, sequence: 17 } },
    { node: "n-b", position: { epoch: 3, sequence: 900 } },
    { node: "n-c" },
  ],
  nodes: { total: 3, available: 2, down: 1, drained: 0 },
  jobs: { running: 5, pending: 12 },
  keys: { current: 7, nodes: [] },
  drains: [{ node: "n-b", reason: "cluster-os: a test" }],
  conditions: [
    { type: "Ready", status: "True", reason: "T", message: "", lastTransitionTime: "2026-06-01T12:00:00Z" },
    {
      type: "KeysSynced",
      status: "Unknown",
      reason: "T",
      message: "",
      lastTransitionTime: "2026-06-01T12:00:00Z",
    },
  ],
};

describe("what slurm-operator tells Prometheus", () => {
  let status: SlurmClusterStatus | undefined;
  let metrics: KubeMetrics;

  beforeEach(() => {
    metrics = new KubeMetrics();
    for (const observable of slurmMetrics(() => status)) metrics.show(observable);
  });

  const told = async (): Promise<readonly string[]> =>
    (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("cluster_os_slurm_"));

  it("is what the SlurmCluster's status says", async () => {
    status = STATUS;
    expect(await told()).to.include.members([
      'cluster_os_slurm_condition{condition="Ready"} 1',
      'cluster_os_slurm_condition{condition="KeysSynced"} 0',
      'cluster_os_slurm_condition{condition="FailoverReady"} 0',
      "cluster_os_slurm_controller_epoch 4",
      'cluster_os_slurm_controller_info{node="n-a"} 1',
      "cluster_os_slurm_controller_since_seconds 1780315200",
      "cluster_os_slurm_nodes_known 3",
      'cluster_os_slurm_nodes{state="available"} 2',
      'cluster_os_slurm_jobs{state="pending"} 12',
      "cluster_os_slurm_drains 1",
      'cluster_os_slurm_replica_epoch{node="n-b"} 3',
      'cluster_os_slurm_replica_sequence{node="n-a"} 17',
      "cluster_os_slurm_key_generation 7",
    ]);
    expect((await told()).join("\n")).to.not.include('node="n-c"');
  });

  it("forgets what is not so any more, and a controller that is gone tells no jobs", async () => {
    status = STATUS;
    await told();
    status = { activeController: { epoch: 5 }, conditions: [] };
    const after = (await told()).join("\n");
    expect(after).to.include("cluster_os_slurm_controller_epoch 5");
    expect(after).to.not.match(/_info|_jobs|_nodes|_replica/);
  });

  it("is nothing in a process that does not lead", async () => {
    status = undefined;
    expect(await told()).to.deep.equal([]);
  });
});

import type { ClusterNodeStatus, NodeStatus, SlurmNodeStatus } from "@cluster-os/api";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { KubeError } from "@cluster-os/kube";
import type { AgentKube } from "../src/kube.ts";
import { Reporter } from "../src/report/reporter.ts";
import { CAPABILITIES, nodeStatus, NOW_MS, VERSIONS, CLOCK } from "./fixtures.ts";

/** The API as one node-agent sees it, with a count of what it was asked. */
class InMemoryKube implements AgentKube {
  status: ClusterNodeStatus | undefined;
  generation = 1;
  reads = 0;
  writes = 0;
  isAway = false;

  async readNode() {
    this.reads += 1;
    return this.#answer();
  }

  async applyStatus(status: ClusterNodeStatus) {
    this.#reach();
    this.writes += 1;
    this.status = status;
    return this.#answer();
  }

  async renewLease(): Promise<void> {
    this.#reach();
  }

  slurm(): never {
    throw new Error("the reporter does not ask for SLURM's part");
  }

  [Symbol.dispose](): void {}

  #answer() {
    this.#reach();
    return { generation: this.generation, status: this.status };
  }

  #reach(): void {
    if (this.isAway) throw new KubeError("the API is away", {});
  }
}

describe("reporter", () => {
  const signal = new AbortController().signal;
  let kube: InMemoryKube;
  let now: number;
  let node: NodeStatus | undefined;
  let slurm: SlurmNodeStatus | undefined;
  let reporter: Reporter;

  beforeEach(() => {
    kube = new InMemoryKube();
    now = 0;
    node = nodeStatus();
    slurm = undefined;
    reporter = start();
  });

  /** As node-agent does when it starts, again and again. */
  function start(): Reporter {
    return new Reporter({
      machine: {
        capabilities: async () => CAPABILITIES,
        versions: async () => VERSIONS,
        isKubeletHealthy: async () => true,
        clock: async () => CLOCK,
      },
      bootstrapStatus: async () => {
        if (!node) throw new Error("bootstrap is not running");
        return node;
      },
      slurm: () => slurm,
      rereadMs: 30_000,
      patience: 1,
      clock: { now: () => now, wallTime: () => NOW_MS },
      logger: silentLogger,
    });
  }

  async function rounds(count: number): Promise<void> {
    for (let round = 0; round < count; round += 1) {
      await reporter.round(kube, signal);
      now += 5000;
    }
  }

  it("writes once, and looks twice a minute", async () => {
    await rounds(24);
    expect({ writes: kube.writes, reads: kube.reads }).to.deep.equal({ writes: 1, reads: 4 });
  });

  it("keeps what was reported of SLURM until it has looked at it anew", async () => {
    slurm = { slurmd: { state: "Running" } };
    await rounds(1);
    slurm = undefined;
    reporter = start();
    await rounds(8);
    expect(kube.writes).to.equal(1);
    expect(kube.status?.slurm).to.deep.equal({ slurmd: { state: "Running" } });
  });

  it("writes again what somebody took away, and follows the spec", async () => {
    await rounds(1);
    kube.status = undefined;
    kube.generation = 2;
    await rounds(8);
    expect(kube.writes).to.equal(2);
    expect(kube.status).to.include({ observedGeneration: 2 });
  });

  it("an API that is away is an error, and after it the API is asked again", async () => {
    await rounds(1);
    node = nodeStatus({ label: "rack4" });
    kube.isAway = true;
    expect(await reporter.round(kube, signal).catch((error: unknown) => error)).to.be.instanceOf(KubeError);
    kube.isAway = false;
    const { reads } = kube;
    await rounds(1);
    expect(kube.reads).to.equal(reads + 1);
    expect(kube.status?.label).to.equal("rack4");
  });

  it("a bootstrap that has not looked at the mesh yet changes nothing, one that never does does", async () => {
    await rounds(1);
    const { mesh: _, ...starting } = nodeStatus();
    node = starting;
    await rounds(5);
    expect(kube.writes).to.equal(1);
    await rounds(3);
    expect(kube.status?.conditions?.[0]).to.include({ type: "MeshConnected", status: "Unknown" });
  });

  it("a mesh that is lost is told at once", async () => {
    await rounds(1);
    const { mesh: _, ...starting } = nodeStatus();
    node = { ...starting, problems: [{ kind: "mesh-down", message: "the mesh is not there" }] };
    await rounds(1);
    expect(kube.status?.conditions?.[0]).to.include({ type: "MeshConnected", status: "Unknown" });
  });

  it("a bootstrap that restarts changes nothing, one that stays away does", async () => {
    await rounds(1);
    node = undefined;
    await rounds(5);
    expect(kube.writes).to.equal(1);
    await rounds(3);
    expect(kube.status?.conditions?.[0]).to.include({ type: "MeshConnected", status: "Unknown" });
    node = nodeStatus();
    await rounds(1);
    expect(kube.status?.conditions?.[0]).to.include({ status: "True" });
  });

  it("without a word of bootstrap there is nothing to report", async () => {
    node = undefined;
    expect(await reporter.round(kube, signal).catch((error: unknown) => error)).to.be.instanceOf(Error);
    expect(kube.writes).to.equal(0);
  });
});

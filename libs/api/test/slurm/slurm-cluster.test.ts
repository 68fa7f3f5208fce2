import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  crdOf,
  durationSeconds,
  SLURM_CLUSTER_NAME,
  SlurmCluster,
  SlurmClusterSpecSchema,
  SlurmNodeStatus,
  structuralViolations,
} from "@cluster-os/api";
import { expect } from "chai";
import { parse } from "yaml";
import { INVALID_SPECS } from "./invalid-specs.ts";

/** As the API server writes a path: users[0].name. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .slice(1);
}

describe("SlurmCluster", () => {
  it("has a structural schema", () => {
    const schema = crdOf(SlurmCluster).spec.versions[0]?.schema.openAPIV3Schema ?? {};
    expect(structuralViolations(schema)).to.deep.equal([]);
  });

  it("is whole without a word of spec", () => {
    expect(SlurmClusterSpecSchema.parse({})).to.deep.equal({
      clusterName: "cluster",
      partitions: [
        { name: "all", default: true, maxTime: "UNLIMITED", priorityTier: 1, exclusive: false, state: "Up" },
      ],
      auth: "munge",
      keys: { rotationInterval: "720h" },
      controller: { preference: [], replicas: 3, leaseSeconds: 8 },
      users: [],
      resources: { cpuPercent: 75, memoryPercent: 75 },
      gpuDetection: "Reported",
      rest: { enabled: false },
      extraConfiguration: [],
    });
  });

  it("the example is one", async () => {
    const file = join(import.meta.dirname, "../../../../docs/examples/slurmcluster.yaml");
    const { metadata, spec } = parse(await readFile(file, "utf8")) as {
      metadata: { name: string };
      spec: unknown;
    };
    expect(metadata.name).to.equal(SLURM_CLUSTER_NAME);
    expect(SlurmClusterSpecSchema.parse(spec).users[0]?.name).to.equal("ada");
  });

  for (const { name, spec, field, reason } of INVALID_SPECS) {
    it(`refuses ${name}, and says where and why`, () => {
      const { error } = SlurmClusterSpecSchema.safeParse(spec);
      const issue = error?.issues.find(({ path }) => pathText(path) === field);
      expect(issue, JSON.stringify(error?.issues)).not.to.equal(undefined);
      expect(issue?.message.replace(">=1 items", "at least 1")).to.contain(reason);
    });
  }

  const durations: readonly (readonly [string, number | undefined])[] = [
    ["720h", 2_592_000],
    ["1h30m", 5400],
    ["90s", 90],
    ["30d", undefined],
    ["", undefined],
    ["10", undefined],
  ];
  for (const [text, seconds] of durations) {
    it(`"${text}" is ${seconds === undefined ? "no interval" : `${seconds} s`}`, () => {
      expect(durationSeconds(text)).to.equal(seconds);
    });
  }
});

describe("what a node reports of SLURM", () => {
  it("may be nothing, and may be all of a controller", () => {
    expect(SlurmNodeStatus.parse({})).to.deep.equal({});
    const whole = {
      keyGenerations: { current: 3, next: 4 },
      slurmd: { state: "Running" },
      view: { states: ["IDLE", "DRAIN"], reason: "cluster-os: cordoned" },
      configHash: "abc",
      controller: {
        epoch: 7,
        running: true,
        replica: { epoch: 7, sequence: 12 },
        members: ["n-a", "n-b", "n-c"],
        replicatedSequence: 11,
        jobs: { running: 1, pending: 2 },
        nodes: { total: 3, available: 2, down: 0, drained: 1 },
        drains: [{ node: "n-b", drained: true, reason: "cluster-os: cordoned" }],
      },
    };
    expect(SlurmNodeStatus.parse(whole)).to.deep.equal(whole);
  });
});

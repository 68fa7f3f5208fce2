import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  NAMESPACE,
  readSlurmLease,
  SLURM_CLUSTER_API_VERSION,
  SLURM_CLUSTER_NAME,
  SlurmClusterSpecSchema,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  slurmLeaseObject,
} from "@cluster-os/api";
import { INVALID_SPECS } from "@cluster-os/api/testing";
import { expect } from "chai";
import { parse } from "yaml";
import type { ApiServer } from "./api-server.ts";
import { asAgent, done, startCluster } from "./cluster.ts";

const slurmCluster = (spec: object, name = SLURM_CLUSTER_NAME) => ({
  apiVersion: SLURM_CLUSTER_API_VERSION,
  kind: "SlurmCluster",
  metadata: { name },
  spec,
});

describe("SlurmCluster on a real API server", function () {
  this.timeout(180_000);
  let api: ApiServer;

  before(async function () {
    const started = await startCluster(["n-a", "n-b"]);
    if ("missing" in started) {
      console.log(`      skipped: ${started.missing}`);
      return this.skip();
    }
    api = started;
  });

  after(() => api?.[Symbol.asyncDispose]());

  async function apply(input: unknown): Promise<string> {
    const result = await api.kubectl(["apply", "--server-side", "-f", "-"], { input });
    done(result);
    return result.stdout;
  }

  it("the definition is established without a warning of its schema", async () => {
    const path = "jsonpath={range .status.conditions[*]}{.type}={.status}:{.reason} {end}";
    const { stdout } = await api.kubectl(["get", "crd/slurmclusters.cluster-os.dev", "-o", path]);
    expect(stdout).to.contain("Established=True").and.not.contain("NonStructuralSchema");
  });

  for (const { name, spec, field, reason } of INVALID_SPECS) {
    it(`refuses ${name}, and says where and why`, async () => {
      const input = slurmCluster(spec);
      const { isDone, stderr } = await api.kubectl(["create", "--dry-run=server", "-f", "-"], { input });
      expect(isDone).to.equal(false);
      expect(stderr).to.contain(`spec.${field}: `).and.contain(reason);
    });
  }

  it("refuses a second one by another name", async () => {
    const input = slurmCluster({}, "another");
    const { isDone, stderr } = await api.kubectl(["create", "--dry-run=server", "-f", "-"], { input });
    expect(isDone).to.equal(false);
    expect(stderr).to.contain("there is one SlurmCluster, and its name is default");
  });

  it("the API server fills in what zod fills in, of nothing and of the example", async () => {
    const example = resolve(import.meta.dirname, "../../docs/examples/slurmcluster.yaml");
    const { spec } = parse(await readFile(example, "utf8")) as { spec: object };
    for (const written of [undefined, {}, spec]) {
      const { spec: wished, ...rest } = slurmCluster(written ?? {});
      const input = written ? { ...rest, spec: wished } : rest;
      const { stdout, stderr } = await api.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
        input,
      });
      const made = stdout === "" ? {} : (JSON.parse(stdout) as { spec?: object });
      expect(made.spec, stderr).to.deep.equal(SlurmClusterSpecSchema.parse(written ?? {}));
    }
  });

  it("kubectl get shows controller, epoch, nodes, jobs, ready and age; auth and name stay", async () => {
    await apply(slurmCluster({}));
    const condition = {
      type: "Ready",
      status: "True",
      reason: "Test",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const status = {
      activeController: { node: "n-a", epoch: 3 },
      nodesText: "2/3",
      jobs: { running: 5, pending: 7 },
      conditions: [condition],
    };
    const { isDone, stderr } = await api.kubectl(
      ["apply", "--server-side", "--subresource=status", "-f", "-"],
      { input: { ...slurmCluster({}), spec: undefined, status } },
    );
    expect(isDone, stderr).to.equal(true);
    const table = (await api.kubectl(["get", "slurm"])).stdout
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/));
    expect(table[0]).to.deep.equal([
      "NAME",
      "CONTROLLER",
      "EPOCH",
      "NODES",
      "RUNNING",
      "PENDING",
      "READY",
      "AGE",
    ]);
    expect(table[1]?.slice(0, 7)).to.deep.equal(["default", "n-a", "3", "2/3", "5", "7", "True"]);
    for (const [spec, reason] of [
      [{ auth: "slurm" }, "auth never changes"],
      [{ clusterName: "other" }, "clusterName never changes"],
    ] as const) {
      const refused = await api.kubectl(["apply", "--server-side", "-f", "-"], { input: slurmCluster(spec) });
      expect(refused.stderr).to.contain(reason);
    }
  });

  const rights: readonly { name: string; args: readonly string[]; allowed: boolean }[] = [
    { name: "reads the SlurmCluster", args: ["watch", `slurmclusters/${SLURM_CLUSTER_NAME}`], allowed: true },
    { name: "reads the keys", args: ["get", `secrets/${slurmKeysName(SLURM_CLUSTER_NAME)}`], allowed: true },
    { name: "reads other secrets", args: ["get", "secrets/join-key-1"], allowed: false },
    { name: "lists all secrets", args: ["list", "secrets"], allowed: false },
    {
      name: "writes the keys",
      args: ["update", `secrets/${slurmKeysName(SLURM_CLUSTER_NAME)}`],
      allowed: false,
    },
    {
      name: "reads the configuration",
      args: ["watch", `configmaps/${slurmConfigName(SLURM_CLUSTER_NAME)}`],
      allowed: true,
    },
    {
      name: "writes the configuration",
      args: ["patch", `configmaps/${slurmConfigName(SLURM_CLUSTER_NAME)}`],
      allowed: false,
    },
    {
      name: "writes the SlurmCluster",
      args: ["patch", `slurmclusters/${SLURM_CLUSTER_NAME}`],
      allowed: false,
    },
    {
      name: "renews the controller's Lease",
      args: ["update", `leases/${slurmLeaseName(SLURM_CLUSTER_NAME)}`],
      allowed: true,
    },
    {
      name: "deletes the controller's Lease",
      args: ["delete", `leases/${slurmLeaseName(SLURM_CLUSTER_NAME)}`],
      allowed: false,
    },
  ];
  for (const { name, args, allowed } of rights) {
    it(`node-agent ${allowed ? "" : "never "}${name}`, async () => {
      const { stdout } = await api.kubectl(["auth", "can-i", ...args, "-n", NAMESPACE], asAgent("n-a"));
      expect(stdout.trim()).to.equal(allowed ? "yes" : "no");
    });
  }

  describe("the controller's Lease", () => {
    const held = {
      epoch: 4,
      holder: "n-a",
      leaseSeconds: 8,
      replicas: ["n-a", "n-b"],
      mayFound: false,
      isReleaseWanted: false,
    };
    const file = join("leases", slurmLeaseName(SLURM_CLUSTER_NAME));

    async function version(): Promise<string> {
      const { stdout } = await api.kubectl(["get", file, "-n", NAMESPACE, "-o", "json"]);
      return (JSON.parse(stdout) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    }

    before(() => apply(slurmLeaseObject(SLURM_CLUSTER_NAME, held)));

    const renewTime = "2026-01-01T00:00:00.000000Z";
    const cases = [
      { name: "its holder renews it", node: "n-a", lease: { ...held, renewTime }, isTaken: true },
      { name: "another renews it", node: "n-b", lease: { ...held, renewTime }, isTaken: false },
      { name: "another takes it", node: "n-b", lease: { ...held, holder: "n-b" }, isTaken: false },
      { name: "its holder makes an epoch", node: "n-a", lease: { ...held, epoch: 5 }, isTaken: false },
      {
        name: "its holder makes it last longer",
        node: "n-a",
        lease: { ...held, leaseSeconds: 60 },
        isTaken: false,
      },
      {
        name: "its holder chooses the replicas",
        node: "n-a",
        lease: { ...held, replicas: ["n-a"] },
        isTaken: false,
      },
      { name: "its holder passes it on", node: "n-a", lease: { ...held, holder: "n-b" }, isTaken: false },
    ];
    for (const { name, node, lease, isTaken } of cases) {
      it(`${isTaken ? "taken" : "refused"}: ${name}`, async () => {
        const input = slurmLeaseObject(SLURM_CLUSTER_NAME, lease, await version());
        const { isDone, stderr } = await api.kubectl(["replace", "-f", "-"], { ...asAgent(node), input });
        expect(isDone, stderr).to.equal(isTaken);
        if (!isTaken) expect(stderr).to.contain("while it is named in it");
      });
    }

    it("a renewal of a version that is past is refused: somebody else was named since", async () => {
      const old = await version();
      await apply({ ...slurmLeaseObject(SLURM_CLUSTER_NAME, { ...held, epoch: 5 }) });
      const input = slurmLeaseObject(SLURM_CLUSTER_NAME, { ...held, renewTime }, old);
      const { isDone, stderr } = await api.kubectl(["replace", "-f", "-"], { ...asAgent("n-a"), input });
      expect(isDone).to.equal(false);
      expect(stderr).to.contain("the object has been modified");
    });

    it("its holder gives it back, and then it is nobody's", async () => {
      const { holder: _, ...rest } = { ...held, epoch: 5 };
      const input = slurmLeaseObject(SLURM_CLUSTER_NAME, rest, await version());
      const { isDone, stderr } = await api.kubectl(["replace", "-f", "-"], { ...asAgent("n-a"), input });
      expect(isDone, stderr).to.equal(true);
      const { stdout } = await api.kubectl(["get", file, "-n", NAMESPACE, "-o", "json"]);
      expect(readSlurmLease(JSON.parse(stdout))).to.deep.equal(rest);
      const again = slurmLeaseObject(SLURM_CLUSTER_NAME, { ...held, epoch: 5 }, await version());
      expect(
        (await api.kubectl(["replace", "-f", "-"], { ...asAgent("n-a"), input: again })).isDone,
      ).to.equal(false);
    });
  });
});

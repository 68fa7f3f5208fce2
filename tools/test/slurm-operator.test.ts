import {
  NAMESPACE,
  SLURM_CLUSTER_API_VERSION,
  SLURM_CLUSTER_NAME,
  SLURM_OPERATOR_NAME,
  SLURM_OPERATOR_USER,
  slurmConfigName,
  slurmKeysName,
  slurmLeaseName,
  SERVICE_LABEL,
  slurmRestEndpointsObject,
  slurmTokenSecretObject,
} from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import type { ApiServer, KubectlResult } from "./api-server.ts";
import { asAgent, asServer, startCluster } from "./cluster.ts";

const operator = { user: SLURM_OPERATOR_USER, groups: ["system:serviceaccounts"] };
const CLUSTER = `slurmclusters/${SLURM_CLUSTER_NAME}`;
const KEYS = `secrets/${slurmKeysName(SLURM_CLUSTER_NAME)}`;
const CONFIG = `configmaps/${slurmConfigName(SLURM_CLUSTER_NAME)}`;
const LEASE = `leases/${slurmLeaseName(SLURM_CLUSTER_NAME)}`;
const STATUS = "--subresource=status";

describe("slurm-operator's rights on a real API server", function () {
  this.timeout(180_000);
  let api: ApiServer;

  before(async function () {
    const started = await startCluster(["n-a"]);
    if ("missing" in started) {
      console.log(`      skipped: ${started.missing}`);
      return this.skip();
    }
    api = started;
  });

  after(() => api?.[Symbol.asyncDispose]());

  const rights: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly namespace?: string;
    readonly allowed: boolean;
  }[] = [
    { name: "watches the SlurmCluster", args: ["watch", CLUSTER], allowed: true },
    { name: "makes a SlurmCluster", args: ["create", "slurmclusters"], allowed: true },
    { name: "writes its status", args: ["patch", CLUSTER, STATUS], allowed: true },
    { name: "changes its spec", args: ["patch", CLUSTER], allowed: false },
    { name: "deletes it", args: ["delete", CLUSTER], allowed: false },
    { name: "watches machines", args: ["watch", "clusternodes"], allowed: true },
    { name: "writes of machines", args: ["patch", "clusternodes/n-a", STATUS], allowed: false },
    { name: "cordons", args: ["patch", "nodes/n-a"], allowed: false },
    { name: "reads the keys", args: ["get", KEYS], namespace: NAMESPACE, allowed: true },
    { name: "replaces the keys", args: ["update", KEYS], namespace: NAMESPACE, allowed: true },
    { name: "deletes the keys", args: ["delete", KEYS], namespace: NAMESPACE, allowed: false },
    {
      name: "reads other secrets",
      args: ["get", "secrets/join-key-1"],
      namespace: NAMESPACE,
      allowed: false,
    },
    { name: "lists secrets", args: ["list", "secrets"], namespace: NAMESPACE, allowed: false },
    { name: "makes secrets, if they are tokens", args: ["create", "secrets"], namespace: "x", allowed: true },
    { name: "reads secrets elsewhere", args: ["get", "secrets/a"], namespace: "x", allowed: false },
    { name: "deletes secrets elsewhere", args: ["delete", "secrets/a"], namespace: "x", allowed: false },
    { name: "watches SlurmTokens", args: ["watch", "slurmtokens"], namespace: "x", allowed: true },
    { name: "makes SlurmTokens", args: ["create", "slurmtokens"], namespace: "x", allowed: false },
    { name: "writes their status", args: ["patch", "slurmtokens/a", STATUS], namespace: "x", allowed: true },
    { name: "changes them", args: ["patch", "slurmtokens/a"], namespace: "x", allowed: false },
    {
      name: "says where the REST API is",
      args: ["patch", "endpointslices/slurmrestd"],
      namespace: NAMESPACE,
      allowed: true,
    },
    {
      name: "leads other Services astray",
      args: ["patch", "endpointslices/clusternode-operator"],
      namespace: NAMESPACE,
      allowed: false,
    },
    { name: "writes the configuration", args: ["patch", CONFIG], namespace: NAMESPACE, allowed: true },
    {
      name: "writes other ConfigMaps",
      args: ["patch", "configmaps/control-plane-roles"],
      namespace: NAMESPACE,
      allowed: false,
    },
    { name: "makes ConfigMaps", args: ["create", "configmaps"], namespace: NAMESPACE, allowed: false },
    { name: "hears of revocations", args: ["watch", "configmaps"], namespace: NAMESPACE, allowed: true },
    { name: "names the controller", args: ["update", LEASE], namespace: NAMESPACE, allowed: true },
    { name: "deletes its Lease", args: ["delete", LEASE], namespace: NAMESPACE, allowed: false },
    {
      name: "writes a machine's Lease",
      args: ["update", "leases/node-n-a"],
      namespace: NAMESPACE,
      allowed: false,
    },
    { name: "makes pods", args: ["create", "pods"], namespace: NAMESPACE, allowed: false },
    { name: "grants rights", args: ["create", "roles"], namespace: NAMESPACE, allowed: false },
  ];
  for (const { name, args, namespace, allowed } of rights) {
    it(`it ${allowed ? "" : "never "}${name}`, async () => {
      const where = namespace === undefined ? [] : ["-n", namespace];
      const { stdout } = await api.kubectl(["auth", "can-i", ...args, ...where], operator);
      expect(stdout.trim()).to.equal(allowed ? "yes" : "no");
    });
  }

  describe("what it makes", () => {
    const create = (input: object, as = operator): Promise<KubectlResult> =>
      api.kubectl(["create", "--dry-run=server", "-f", "-"], { ...as, input });
    const secret = (name: string, type: string, annotations = {}) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: NAMESPACE, annotations },
      type,
    });
    const lease = (name: string) => ({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: NAMESPACE },
    });
    const slurmCluster = (spec: object) => ({
      apiVersion: SLURM_CLUSTER_API_VERSION,
      kind: "SlurmCluster",
      metadata: { name: SLURM_CLUSTER_NAME },
      spec,
    });
    const keys = slurmKeysName(SLURM_CLUSTER_NAME);
    const token = "kubernetes.io/service-account-token";
    const ofAnother = { "kubernetes.io/service-account.name": "clusternode-operator" };

    // The API server learns of a policy a moment after it was made.
    before(() =>
      waitFor(async () => !(await create(secret("another", "Opaque"))).isDone, {
        what: "the refusal",
        timeoutMs: 30_000,
        everyMs: 200,
      }),
    );

    const cases: readonly { name: string; input: object; refusal?: string }[] = [
      { name: "the Secret of the keys", input: secret(keys, "Opaque") },
      {
        name: "another Secret",
        input: secret("join-key-2", "Opaque"),
        refusal: "the Secret of SLURM's keys and those of SlurmTokens only",
      },
      {
        name: "a Secret that would get somebody else's token",
        input: secret(keys, token, ofAnother),
        refusal: "the Secret of SLURM's keys and those of SlurmTokens only",
      },
      { name: "the controller's Lease", input: lease(slurmLeaseName(SLURM_CLUSTER_NAME)) },
      { name: "its own Lease", input: lease(SLURM_OPERATOR_NAME) },
      { name: "a machine's Lease", input: lease("node-n-z"), refusal: "its own Lease and the controller's" },
      { name: "the default SlurmCluster", input: slurmCluster({}) },
      {
        name: "a SlurmCluster with people",
        input: slurmCluster({ users: [{ name: "eve", uid: 2000 }] }),
        refusal: "the default SlurmCluster only",
      },
      {
        name: "a SlurmCluster with a program of its own",
        input: slurmCluster({ extraConfiguration: [{ name: "Prolog", value: "/tmp/eve" }] }),
        refusal: "the default SlurmCluster only",
      },
    ];
    for (const { name, input, refusal } of cases) {
      it(`${refusal === undefined ? "taken" : "refused"}: ${name}`, async () => {
        const { isDone, stderr } = await create(input);
        expect(isDone, stderr).to.equal(refusal === undefined);
        if (refusal !== undefined) expect(stderr).to.contain(refusal);
      });
    }

    describe("Secrets of tokens", () => {
      const owner = { name: "ada", namespace: "default", uid: "3f0c0f5e-0000-4000-8000-000000000000" };
      const given = { user: "ada", token: "a.b.c" };
      const apply = (input: object): Promise<KubectlResult> =>
        api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], { ...operator, input });
      const person = (input: object) => api.kubectl(["create", "-f", "-"], { input });
      const token = slurmTokenSecretObject(owner, given);

      it("it makes one, and writes it again", async () => {
        for (const object of [token, slurmTokenSecretObject(owner, undefined)]) {
          const { isDone, stderr } = await apply(object);
          expect(isDone, stderr).to.equal(true);
        }
        const { stdout } = await api.kubectl(["get", "secret", owner.name, "-o", "jsonpath={.data}"]);
        expect(stdout.trim()).to.match(/^(\{\})?$/);
      });

      it("it cannot take over a person's Secret, whatever it says of its type", async () => {
        const name = "theirs";
        const made = await person({
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name, namespace: "default" },
          type: "Opaque",
          stringData: { password: "of a person" },
        });
        expect(made.isDone, made.stderr).to.equal(true);
        const as = (type: string) => ({ ...slurmTokenSecretObject({ ...owner, name }, given), type });
        for (const type of [token.type, "Opaque"]) {
          const { isDone, stdout, stderr } = await apply(as(type));
          expect(isDone).to.equal(false);
          expect(stdout + stderr).not.to.contain("of a person");
        }
      });

      const { metadata, data } = token;
      const crafted: readonly { readonly name: string; readonly object: object }[] = [
        { name: "other entries", object: { ...token, data: { ...data, NODE_OPTIONS: "eA==" } } },
        {
          name: "a label of somebody else's",
          object: { ...token, metadata: { ...metadata, name: "l", labels: { "example.com/type": "x" } } },
        },
        {
          name: "an annotation of somebody else's",
          object: {
            ...token,
            metadata: { ...metadata, name: "a", annotations: { "example.com/type": "x" } },
          },
        },
      ];
      for (const { name, object } of crafted)
        it(`it makes none with ${name}`, async () => {
          const owned = object as typeof token;
          const named = owned.metadata.ownerReferences.map((one) => ({ ...one, name: owned.metadata.name }));
          const { isDone, stderr } = await apply({
            ...owned,
            metadata: { ...owned.metadata, ownerReferences: named },
          });
          expect(isDone).to.equal(false);
          expect(stderr).to.contain("those of SlurmTokens only");
        });

      it("what people mark it with stays, and it is written again all the same", async () => {
        const marked = await api.kubectl(["annotate", "secret", owner.name, "example.com/note=theirs"]);
        expect(marked.isDone, marked.stderr).to.equal(true);
        const { isDone, stderr } = await apply(token);
        expect(isDone, stderr).to.equal(true);
      });

      it("it makes none that no SlurmToken of that name owns", async () => {
        const { isDone, stderr } = await apply({
          ...token,
          metadata: { ...token.metadata, name: "another" },
        });
        expect(isDone).to.equal(false);
        expect(stderr).to.contain("those of SlurmTokens only");
      });
    });

    it("it says where its own Service leads, and no other's", async () => {
      const apply = (input: object): Promise<KubectlResult> =>
        api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], { ...operator, input });
      const slice = slurmRestEndpointsObject("10.86.0.1");
      const made = await apply(slice);
      expect(made.isDone, made.stderr).to.equal(true);
      const labels = { ...slice.metadata.labels, [SERVICE_LABEL]: "clusternode-operator" };
      for (const wrong of [
        { ...slice, metadata: { ...slice.metadata, labels } },
        { ...slice, ports: [{ name: "http", port: 6443, protocol: "TCP" }] },
      ]) {
        const { isDone, stderr } = await apply(wrong);
        expect(isDone).to.equal(false);
        expect(stderr).to.contain("its own Service only");
      }
    });

    it("it makes the configuration by an apply, which names it", async () => {
      const apply = (name: string) =>
        api.kubectl(["apply", "--server-side", "--dry-run=server", "-f", "-"], {
          ...operator,
          input: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: NAMESPACE } },
        });
      const { isDone, stderr } = await apply(slurmConfigName(SLURM_CLUSTER_NAME));
      expect(isDone, stderr).to.equal(true);
      expect((await apply("slurm-other-config")).stderr).to.contain("forbidden");
    });

    it("nobody else is held to that: a person declares people", async () => {
      const { isDone, stderr } = await api.kubectl(["create", "--dry-run=server", "-f", "-"], {
        input: slurmCluster({ users: [{ name: "ada", uid: 2000 }] }),
      });
      expect(isDone, stderr).to.equal(true);
    });
  });

  it("the keys are for it and for admitted machines: a stranger among the agents does not read them", async () => {
    const reads = async (as: { user: string; groups: string[] }) =>
      (await api.kubectl(["auth", "can-i", "get", KEYS, "-n", NAMESPACE], as)).stdout.trim();
    expect(await reads(asAgent("n-a"))).to.equal("yes");
    expect(await reads(asAgent("n-stranger"))).to.equal("no");
    expect(await reads(asServer)).to.equal("yes");
  });
});

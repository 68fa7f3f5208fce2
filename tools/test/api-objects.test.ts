import {
  agentAccessObjects,
  AGENTS_GROUP,
  agentLeaseName,
  clusterNodeObject,
  NAMESPACE,
  nodeIndexObject,
} from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { execa } from "execa";
import type { ApiServer } from "./api-server.ts";
import { asAgent, asServer, done, startCluster } from "./cluster.ts";

const KEY_A = `ed25519:${"a".repeat(64)}`;
const KEY_B = `ed25519:${"b".repeat(64)}`;

describe("objects of libs/api on a real API server", function () {
  this.timeout(120_000);
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

  function applyStatus(
    node: string,
    status: object,
    as: { user: string; groups: string[] },
    manager: string,
  ) {
    const input = { ...clusterNodeObject(node), spec: undefined, status };
    const flags = [
      "--server-side",
      "--subresource=status",
      `--field-manager=${manager}`,
      "--force-conflicts",
    ];
    return api.kubectl(["apply", ...flags, "-f", "-"], { ...as, input });
  }

  const condition = (type: string, status = "True") => ({
    type,
    status,
    reason: "Test",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });

  it("the definition is established without a warning of its schema", async () => {
    const { stdout } = await api.kubectl([
      "get",
      "crd/clusternodes.cluster-os.dev",
      "-o",
      "jsonpath={range .status.conditions[*]}{.type}={.status}:{.reason} {end}",
    ]);
    expect(stdout).to.contain("Established=True").and.not.contain("NonStructuralSchema");
  });

  it("what a former SLURM controller told goes with its next report, an empty list too", async () => {
    const controller = { epoch: 1, running: true, jobs: { running: 0, pending: 0 }, drains: [] };
    const agent = asAgent("n-b");
    done(await applyStatus("n-b", { slurm: { controller } }, agent, "cluster-os-node-agent"));
    const after = { epoch: 2, running: false };
    done(await applyStatus("n-b", { slurm: { controller: after } }, agent, "cluster-os-node-agent"));
    const { stdout } = await api.kubectl([
      "get",
      "clusternode/n-b",
      "-o",
      "jsonpath={.status.slurm.controller}",
    ]);
    expect(JSON.parse(stdout)).to.deep.equal(after);
  });

  it("kubectl get shows roles, cpu, memory, gpu, address, ready and age", async () => {
    const status = {
      nodeID: KEY_A,
      index: 1,
      roles: ["server", "slurm-worker"],
      rolesText: "server,slurm-worker",
      capabilities: { cpu: 16, memory: "64319Mi", gpus: 2 },
      addresses: [
        { type: "Underlay", address: "10.0.0.7" },
        { type: "Mesh", address: "10.86.0.1" },
      ],
      versions: { clusterOs: "0.1.0", kernel: "6.12.0" },
      conditions: [condition("MeshConnected")],
    };
    done(await applyStatus("n-a", status, asAgent("n-a"), "cluster-os-node-agent"));
    done(await applyStatus("n-a", { conditions: [condition("Ready")] }, asServer, "cluster-os-bootstrap"));
    const table = (await api.kubectl(["get", "cn", "n-a"])).stdout
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/));
    expect(table[0]).to.deep.equal(["NAME", "ROLES", "CPU", "MEMORY", "GPU", "ADDRESS", "READY", "AGE"]);
    expect(table[1]?.slice(0, 7)).to.deep.equal([
      "n-a",
      "server,slurm-worker",
      "16",
      "64319Mi",
      "2",
      "10.86.0.1",
      "True",
    ]);
    const wide = await api.kubectl(["get", "cluster-os", "-o", "wide"]);
    expect(wide.stdout).to.contain("NODE ID").and.contain(KEY_A).and.contain("6.12.0");
  });

  it("two field managers each own their condition", async () => {
    done(
      await applyStatus(
        "n-a",
        { nodeID: KEY_A, conditions: [condition("MeshConnected", "False")] },
        asAgent("n-a"),
        "cluster-os-node-agent",
      ),
    );
    const { stdout } = await api.kubectl(["get", "cn", "n-a", "-o", "json"]);
    const { conditions } = (
      JSON.parse(stdout) as { status: { conditions: { type: string; status: string }[] } }
    ).status;
    const found = Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
    expect(found).to.deep.equal({ MeshConnected: "False", Ready: "True" });
  });

  it("a node ID neither changes nor goes away", async () => {
    const changed = await applyStatus("n-a", { nodeID: KEY_B }, asServer, "cluster-os-node-agent");
    expect(changed.stderr).to.contain("nodeID never changes");
    const removed = await applyStatus("n-a", {}, asServer, "cluster-os-node-agent");
    expect(removed.stderr).to.contain("nodeID stays once it is set");
  });

  it("a node-agent cannot write its own Ready", async () => {
    // The API server learns of a policy a moment after it was made.
    await waitFor(
      async () => {
        const refused = await applyStatus(
          "n-b",
          { conditions: [condition("Ready")] },
          asAgent("n-b"),
          "cluster-os-node-agent",
        );
        return refused.stderr.includes("condition Ready is not node-agent's to write");
      },
      { what: "the refusal", timeoutMs: 30_000 },
    );
    const taken = await applyStatus(
      "n-a",
      { nodeID: KEY_A, conditions: [condition("Ready", "False")] },
      asAgent("n-a"),
      "cluster-os-node-agent",
    );
    expect(taken.stderr).to.contain("condition Ready is not node-agent's to write");
    done(
      await applyStatus(
        "n-b",
        { conditions: [condition("MeshConnected")] },
        asAgent("n-b"),
        "cluster-os-node-agent",
      ),
    );
  });

  describe("should a role ever give node-agents too much", () => {
    const everything = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "too-much" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: AGENTS_GROUP }],
    };
    const kubelets = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "n-a", namespace: "kube-node-lease" },
    };
    before(async () => {
      done(await api.kubectl(["create", "-f", "-"], { input: [everything, kubelets] }));
    });
    after(async () => done(await api.kubectl(["delete", "clusterrolebinding", "too-much"])));

    const patch = (target: string, change: object, ...options: readonly string[]): readonly string[] => [
      ...[
        "patch",
        target,
        "--type=merge",
        `--patch=${JSON.stringify(change)}`,
        "--dry-run=server",
        ...options,
      ],
    ];
    const lease = { spec: { holderIdentity: "somebody" } };
    const status = { status: { roles: ["worker"] } };
    const cases: readonly { name: string; args: readonly string[]; refusal: string | undefined }[] = [
      {
        name: "another's status",
        args: patch("clusternodes/n-b", status, "--subresource=status"),
        refusal: "a node-agent writes its own ClusterNode only",
      },
      {
        name: "its own spec",
        args: patch("clusternodes/n-a", { spec: { unschedulable: true } }),
        refusal: "of its ClusterNode a node-agent writes the status only",
      },
      {
        name: "the deletion of another",
        args: ["delete", "clusternode", "n-b", "--dry-run=server"],
        refusal: "a node-agent writes its own ClusterNode only",
      },
      {
        name: "another's Lease",
        args: patch(`leases/${agentLeaseName("n-b")}`, lease, "-n", NAMESPACE),
        refusal: "a node-agent writes its own Lease, and that of SLURM's controller",
      },
      {
        name: "a Lease of the system",
        args: ["create", "-f", "-"],
        refusal: "a node-agent writes its own Lease, and that of SLURM's controller",
      },
      {
        name: "the kubelet's Lease",
        args: patch("leases/n-a", lease, "-n", "kube-node-lease"),
        refusal: "a node-agent writes its own Lease, and that of SLURM's controller",
      },
      {
        name: "its own status",
        args: patch("clusternodes/n-a", status, "--subresource=status"),
        refusal: undefined,
      },
      {
        name: "its own Lease",
        args: patch(`leases/${agentLeaseName("n-a")}`, lease, "-n", NAMESPACE),
        refusal: undefined,
      },
    ];
    const input = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "kube-scheduler", namespace: "kube-system" },
    };
    for (const { name, args, refusal } of cases) {
      it(`it is ${refusal === undefined ? "taken" : "refused"}: ${name}`, async () => {
        const { isDone, stderr } = await api.kubectl(args, {
          ...asAgent("n-a"),
          ...(args[0] === "create" && { input }),
        });
        expect(isDone, stderr).to.equal(refusal === undefined);
        if (refusal !== undefined) expect(stderr).to.contain(refusal);
      });
    }
  });

  const specs: readonly { name: string; spec: object; refusal?: string }[] = [
    { name: "a rack and a zone", spec: { labels: { "topology.kubernetes.io/zone": "hall-2", rack: "" } } },
    { name: "a label with a bad name", spec: { labels: { "-rack": "7" } }, refusal: "a label's name has" },
    {
      name: "a label with a bad value",
      spec: { labels: { rack: "number seven" } },
      refusal: "spec.labels.rack",
    },
    {
      name: "a role as a label",
      spec: { labels: { "node-role.kubernetes.io/boss": "" } },
      refusal: "are written by the system",
    },
    {
      name: "a label of ours",
      spec: { labels: { "cluster-os.dev/index": "1" } },
      refusal: "are written by the system",
    },
    {
      name: "two effects of one taint",
      spec: {
        taints: [
          { key: "gpu", value: "yes", effect: "NoSchedule" },
          { key: "gpu", effect: "PreferNoSchedule" },
        ],
      },
    },
    {
      name: "one taint twice",
      spec: {
        taints: [
          { key: "gpu", value: "yes", effect: "NoSchedule" },
          { key: "gpu", value: "no", effect: "NoSchedule" },
        ],
      },
      refusal: "Duplicate value",
    },
    {
      name: "a taint of Kubernetes' own",
      spec: { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }] },
      refusal: "use unschedulable",
    },
    {
      name: "an effect there is not",
      spec: { taints: [{ key: "gpu", effect: "NoWay" }] },
      refusal: 'Unsupported value: "NoWay"',
    },
    { name: "65 labels", spec: { labels: manyLabels(65) }, refusal: "must have at most 64 items" },
    { name: "64 labels", spec: { labels: manyLabels(64) } },
  ];
  for (const { name, spec, refusal } of specs) {
    it(`a spec with ${name} is ${refusal === undefined ? "taken" : "refused"}`, async () => {
      const input = { ...clusterNodeObject("n-spec"), spec };
      const { isDone, stderr } = await api.kubectl(["create", "--dry-run=server", "-f", "-"], { input });
      expect(isDone, stderr).to.equal(refusal === undefined);
      if (refusal !== undefined) expect(stderr).to.contain(refusal);
    });
  }

  const lease = (node: string) => `leases/${agentLeaseName(node)}`;
  const cases: readonly { name: string; args: readonly string[]; namespace?: string; allowed: boolean }[] = [
    { name: "reads its own node", args: ["get", "clusternodes/n-a"], allowed: true },
    {
      name: "patches its own status",
      args: ["patch", "clusternodes/n-a", "--subresource=status"],
      allowed: true,
    },
    { name: "renews its own lease", args: ["patch", lease("n-a")], namespace: NAMESPACE, allowed: true },
    { name: "reads another node", args: ["get", "clusternodes/n-b"], allowed: false },
    {
      name: "patches another node's status",
      args: ["patch", "clusternodes/n-b", "--subresource=status"],
      allowed: false,
    },
    { name: "changes its own spec", args: ["patch", "clusternodes/n-a"], allowed: false },
    { name: "lists nodes", args: ["list", "clusternodes"], allowed: false },
    { name: "creates nodes", args: ["create", "clusternodes"], allowed: false },
    {
      name: "renews another node's lease",
      args: ["patch", lease("n-b")],
      namespace: NAMESPACE,
      allowed: false,
    },
    { name: "makes leases", args: ["create", "leases"], namespace: NAMESPACE, allowed: false },
    { name: "reads secrets", args: ["get", "secrets"], namespace: NAMESPACE, allowed: false },
    {
      name: "reads secrets of the system",
      args: ["get", "secrets"],
      namespace: "kube-system",
      allowed: false,
    },
    { name: "reads pods", args: ["get", "pods"], namespace: "default", allowed: false },
  ];
  for (const { name, args, namespace, allowed } of cases) {
    it(`node-agent ${allowed ? "" : "never "}${name}`, async () => {
      const where = namespace === undefined ? [] : ["-n", namespace];
      const { stdout } = await api.kubectl(["auth", "can-i", ...args, ...where], asAgent("n-a"));
      expect(stdout.trim()).to.equal(allowed ? "yes" : "no");
    });
  }

  const serverCases: readonly { name: string; args: readonly string[]; allowed: boolean }[] = [
    { name: "sets a node's pod network", args: ["patch", "nodes/n-a"], allowed: true },
    {
      name: "approves a certificate request",
      args: ["update", "certificatesigningrequests", "--subresource=approval"],
      allowed: true,
    },
    { name: "grants more than it has", args: ["escalate", "clusterroles"], allowed: false },
    { name: "binds any role", args: ["bind", "clusterroles/cluster-admin"], allowed: false },
    { name: "reads secrets", args: ["get", "secrets", "-n", "kube-system"], allowed: false },
    { name: "deletes nodes of Kubernetes", args: ["delete", "nodes"], allowed: false },
    { name: "tells of nodes", args: ["create", "events.events.k8s.io", "-n", "default"], allowed: true },
    { name: "tells of pods", args: ["create", "events.events.k8s.io", "-n", "kube-system"], allowed: false },
    { name: "makes pods", args: ["create", "pods", "-n", "default"], allowed: false },
  ];
  for (const { name, args, allowed } of serverCases) {
    it(`a server's bootstrap ${allowed ? "" : "never "}${name}`, async () => {
      const { stdout } = await api.kubectl(["auth", "can-i", ...args], asServer);
      expect(stdout.trim()).to.equal(allowed ? "yes" : "no");
    });
  }

  for (const [signer, allowed] of [
    ["kubernetes.io/kube-apiserver-client", true],
    ["kubernetes.io/kube-apiserver-client-kubelet", false],
  ] as const) {
    it(`a server's bootstrap ${allowed ? "has" : "never has"} certificates of ${signer} signed`, async () => {
      const name = signer.replace("kubernetes.io/", "test-");
      const newKey = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "/dev/null",
      ];
      const { stdout: csrPem } = await execa("openssl", [
        "req",
        ...newKey,
        "-subj",
        "/O=system:nodes/CN=system:node:a",
      ]);
      const request = Buffer.from(csrPem).toString("base64");
      const usages = ["client auth", "digital signature"];
      const apiVersion = "certificates.k8s.io/v1";
      const kind = "CertificateSigningRequest";
      const input = { apiVersion, kind, metadata: { name }, spec: { request, signerName: signer, usages } };
      done(await api.kubectl(["create", "-f", "-"], { ...asServer, input }));
      const approved = await api.kubectl(["certificate", "approve", name], asServer);
      expect(approved.isDone, approved.stderr).to.equal(allowed);
    });
  }

  it("an index goes to one node, and stays with it", async () => {
    const take = (key: string) =>
      api.kubectl(["create", "-f", "-"], { ...asServer, input: nodeIndexObject(7, key) });
    done(await take(KEY_A));
    expect((await take(KEY_B)).stderr).to.contain("already exists");
    const stolen = await api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
      ...asServer,
      input: nodeIndexObject(7, KEY_B),
    });
    expect(stolen.stderr).to.contain("immutable");
  });

  it("a server grants no more than it has", async () => {
    const [role] = agentAccessObjects("n-evil");
    const greedy = { ...role, rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] };
    const { stderr } = await api.kubectl(["create", "-f", "-"], { ...asServer, input: greedy });
    expect(stderr).to.contain("attempting to grant RBAC permissions not currently held");
  });

  it("deleting a node's objects ends its agent's rights", async () => {
    for (const object of [...agentAccessObjects("n-b")].reverse()) {
      done(await api.kubectl(["delete", "-f", "-"], { ...asServer, input: object }));
    }
    await waitFor(
      async () =>
        (await api.kubectl(["auth", "can-i", "get", "clusternodes/n-b"], asAgent("n-b"))).stdout.trim() ===
        "no",
      { what: "the end of its rights", timeoutMs: 10_000 },
    );
  });
});

function manyLabels(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`label-${index}`, "x"]));
}

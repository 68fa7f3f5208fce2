import {
  agentAccessObjects,
  auditObject,
  joinKeyObject,
  kubeletUser,
  NAMESPACE,
  nodeLeaseObject,
  OPERATOR_USER,
  revocationName,
  revocationObject,
  SERVERS_GROUP,
  serverUser,
} from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { execa } from "execa";
import type { ApiServer, KubectlResult } from "./api-server.ts";
import { asAgent, asServer, done, startCluster } from "./cluster.ts";

const kubelet = (node: string) => ({ user: kubeletUser(node), groups: ["system:nodes"] });
const revocationOf = (nodeName: string) =>
  revocationObject({
    nodeName,
    nodeId: `ed25519:${"a".repeat(64)}`,
    revokedAt: 1_700_000_000_000,
    retiredJoinKeys: ["0123456789abcdef"],
    wasServer: false,
    decidedBy: "a test",
  });

describe("revocation on a real API server", function () {
  this.timeout(120_000);
  let api: ApiServer;

  before(async function () {
    const started = await startCluster(["n-gone", "n-stays"]);
    if ("missing" in started) {
      console.log(`      skipped: ${started.missing}`);
      return this.skip();
    }
    api = started;
    const kubelets = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "kubelets" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:nodes" }],
    };
    done(await api.kubectl(["create", "-f", "-"], { input: kubelets }));
    done(await api.kubectl(["create", "-f", "-"], { ...asServer, input: revocationOf("n-gone") }));
    // The API server learns of policies and their objects a moment after they were made.
    await waitFor(async () => register("n-gone").then(({ stderr }) => stderr.includes("is revoked")), {
      what: "the refusal",
      timeoutMs: 60_000,
      everyMs: 200,
    });
  });

  after(() => api?.[Symbol.asyncDispose]());

  const dryRun = (args: readonly string[], as: { user: string; groups: string[] }, input?: object) =>
    api.kubectl([...args, "--dry-run=server"], { ...as, ...(input && { input }) });
  /** What a kubelet does first when it finds no Node of its name. */
  const register = (name: string): Promise<KubectlResult> =>
    dryRun(["create", "-f", "-"], kubelet(name), { apiVersion: "v1", kind: "Node", metadata: { name } });
  const admission = (value: string | null): readonly string[] => [
    ...["patch", "clusternode", "n-stays", "--type=merge"],
    `--patch=${JSON.stringify({ spec: { admission: value } })}`,
  ];
  /** What it does when its certificate nears its end. */
  const renew = async (name: string): Promise<KubectlResult> => {
    const subject = `/O=system:nodes/CN=${kubeletUser(name)}`;
    const key = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      "/dev/null",
    ];
    const { stdout } = await execa("openssl", ["req", "-new", ...key, "-subj", subject]);
    return dryRun(["create", "-f", "-"], kubelet(name), {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { generateName: "csr-" },
      spec: {
        request: Buffer.from(`${stdout}\n`).toString("base64"),
        signerName: "kubernetes.io/kube-apiserver-client-kubelet",
        usages: ["client auth", "digital signature"],
      },
    });
  };

  it("keeps a live kubelet of a revoked node from registering again, and from another certificate", async () => {
    expect((await register("n-gone")).stderr).to.contain("this node is revoked");
    expect((await renew("n-gone")).stderr).to.contain("this node is revoked");
  });

  it("lets the kubelets of others alone", async () => {
    done(await register("n-stays"));
    done(await renew("n-stays"));
  });

  it("refuses a revoked asServer, though its certificate is of the servers' group", async () => {
    done(await api.kubectl(["create", "-f", "-"], { ...asServer, input: revocationOf("n-other") }));
    const refusal = (user: string) =>
      dryRun(["create", "-f", "-"], { user, groups: [SERVERS_GROUP] }, revocationOf("n-third"));
    await waitFor(
      async () => (await refusal(serverUser("n-other"))).stderr.includes("this node is revoked"),
      { what: "the refusal", timeoutMs: 30_000, everyMs: 200 },
    );
    done(await refusal(serverUser("n-server")));
  });

  it("ends the rights of a node-agent, by the servers' own rights", async () => {
    const reads = (node: string) => api.kubectl(["get", "clusternode", node], asAgent(node));
    done(await reads("n-gone"));
    const objects = [...agentAccessObjects("n-gone")].reverse();
    for (const { kind, metadata } of [...objects, nodeLeaseObject("n-gone")]) {
      const where = metadata.namespace === undefined ? [] : ["-n", metadata.namespace];
      done(await api.kubectl(["delete", kind, metadata.name, ...where], asServer));
    }
    expect((await reads("n-gone")).isDone).to.equal(false);
    done(await reads("n-stays"));
    done(await api.kubectl(["delete", "clusternode", "n-gone", "--wait=false"], asServer));
  });

  it("is decided once, and nobody changes it", async () => {
    const again = await api.kubectl(["create", "-f", "-"], { ...asServer, input: revocationOf("n-gone") });
    expect(again.stderr).to.contain("already exists");
    const target = ["patch", "configmap", revocationName("n-gone"), "-n", NAMESPACE, "--type=merge"];
    const change = await api.kubectl([...target, `--patch={"data":{"wasServer":"true"}}`]);
    expect(change.stderr).to.contain("immutable");
    const deletion = ["delete", "configmap", revocationName("n-gone"), "-n", NAMESPACE];
    expect((await api.kubectl(deletion)).stderr).to.contain("are kept for ever");
  });

  it("is logged in entries that nobody changes or deletes", async () => {
    const entry = auditObject(1, Uint8Array.of(1, 2, 3), "a test");
    done(await api.kubectl(["create", "-f", "-"], { ...asServer, input: entry }));
    const target = [`configmap/${entry.metadata.name}`, "-n", NAMESPACE];
    const change = ["patch", ...target, "--type=merge", '--patch={"data":{"record":"AAAA"}}'];
    expect((await api.kubectl(change)).stderr).to.contain("immutable");
    for (const args of [
      ["delete", ...target],
      ["delete", "configmap", "--all", "-n", NAMESPACE],
    ])
      expect((await api.kubectl(args, asServer)).stderr).to.contain("are kept for ever");
    const key = joinKeyObject({ sequence: 1, key: new Uint8Array(32), retired: [], createdAt: 0 });
    done(await api.kubectl(["create", "-f", "-"], { ...asServer, input: key }));
    const read = ["get", "secrets", "-n", NAMESPACE];
    expect((await api.kubectl(read, asAgent("n-stays"))).isDone).to.equal(false);
  });

  it("by the spec is for people: neither node-agent nor the operator may", async () => {
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "too-much" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [asAgent("n-stays").user, OPERATOR_USER].map((name) => ({
        apiGroup: "rbac.authorization.k8s.io",
        kind: "User",
        name,
      })),
    };
    done(await api.kubectl(["create", "-f", "-"], { input: role }));
    const byAgent = await dryRun(admission("Revoked"), asAgent("n-stays"));
    expect(byAgent.stderr).to.contain("a node-agent writes the status only");
    const byOperator = await dryRun(admission("Revoked"), { user: OPERATOR_USER, groups: [] });
    expect(byOperator.stderr).to.contain("the spec of a ClusterNode is people's");
    done(await api.kubectl(["delete", "clusterrolebinding", "too-much"]));
  });

  it("by the spec is never taken back", async () => {
    done(await api.kubectl(admission("Approved")));
    done(await api.kubectl(admission("Revoked")));
    for (const value of ["Approved", null])
      expect((await api.kubectl(admission(value))).stderr).to.contain("a revocation is never taken back");
    expect((await api.kubectl(admission("Maybe"))).stderr).to.contain("Unsupported value");
  });
});

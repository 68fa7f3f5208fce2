import { findCondition } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { renderTest } from "@cluster-os/tools/chart";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { findParts, machineOf, readySince, type Parts } from "../src/machines.ts";
import { clusterNodes, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";
import { steal, type Thief } from "../src/stolen.ts";

const DEPLOYMENT = "deployment/clusternode-operator";

describe("what the operator keeps in order", function () {
  this.timeout(5 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let parts: Parts;
  let worker = "";

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    parts = await findParts(lab);
    worker = await nodeNameOf(parts.worker.number);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  describe("its two replicas", () => {
    it("run on two machines", async () => {
      await inNamespace(["rollout", "status", DEPLOYMENT, "--timeout=120s"]);
      expect(new Set(await podNodes())).to.have.length(2);
    });

    it("pass the chart's own test", async () => {
      const { spec } = await inNamespaceJson<Deployment>("get", DEPLOYMENT);
      const image = spec.template.spec.containers[0]?.image ?? "";
      await must(["kubectl", "apply", "--filename=-"], { input: await renderTest({ image }) });
      const pod = "operators-test";
      await waitFor(
        async () => (await inNamespaceJson<Pod>("get", "pod", pod)).status.phase === "Succeeded",
        { what: "the chart's test", timeoutMs: MINUTE_MS, everyMs: 500 },
      );
      await inNamespace(["delete", "pod", pod, "--wait=false"]);
    });
  });

  describe("kubectl", () => {
    it("changes a spec, and the Node follows", async () => {
      const taint = { key: "room", value: "b", effect: "PreferNoSchedule" };
      await changeSpec(worker, { labels: { rack: "r1" }, taints: [taint], unschedulable: true });
      await timed("the Node follows", async () => {
        const { metadata, spec } = await kubectlJson<Node>("get", "node", worker);
        const isTainted = spec.taints?.some(({ key, value }) => key === "room" && value === "b") ?? false;
        return metadata.labels["rack"] === "r1" && isTainted && spec.unschedulable === true;
      });
      await changeSpec(worker, { labels: null, taints: null, unschedulable: null });
      await timed("and back", async () => {
        const { metadata, spec } = await kubectlJson<Node>("get", "node", worker);
        return !("rack" in metadata.labels) && spec.taints === undefined && spec.unschedulable !== true;
      });
    });

    it("is told what was done, by events", async () => {
      const { items } = await kubectlJson<Events>(
        "get",
        "events",
        `--field-selector=involvedObject.name=${worker}`,
      );
      const reasons = items.map(({ reason }) => reason);
      expect(reasons).to.include.members(["Cordoned", "Uncordoned", "LabelsChanged", "TaintsChanged"]);
    });

    it("explains what the fields are", async () => {
      const text = await must(["kubectl", "explain", "clusternode.spec.unschedulable"]);
      expect(text).to.match(/DESCRIPTION:\s+\w+/);
    });
  });

  describe("its leader is killed", () => {
    it("the process: a spec that is changed meanwhile is followed, and no node is thought lost", async () => {
      const before = await readySince();
      const { machine, holder } = await leader();
      const pid = (await machine.run(["pgrep", "-f", "[c]lusternode-operator.js"])).trim();
      await machine.run(["kill", "-KILL", pid]);
      await changeSpec(worker, { labels: { killed: "process" } });
      await timed("the Node follows", async () => (await labelsOf(worker))["killed"] === "process");
      expect((await leaderLease()).spec.holderIdentity).to.not.equal(holder);
      expect(await readySince()).to.deep.equal(before);
    });

    it("its machine: the other one says so, and goes on", async () => {
      const { machine } = await leader();
      const lost = (await machine.run(["hostname"])).trim();
      await machine.kill();
      await timed("not Ready", async () => {
        const seen = (await clusterNodes()).find(({ metadata }) => metadata.name === lost);
        return !isReady(seen);
      });
      await changeSpec(worker, { labels: { killed: "machine" } });
      await timed("the Node follows", async () => (await labelsOf(worker))["killed"] === "machine");
      await machine.start();
      await timed("Ready again", async () => (await clusterNodes()).every(isReady));
      await inNamespace(["rollout", "status", DEPLOYMENT, "--timeout=120s"]);
    });
  });

  describe("somebody has a node-agent's certificate", () => {
    let thief: Thief;
    let other = "";

    before("it is taken", async () => {
      other = await nodeNameOf(parts.servers[0]?.number ?? 0);
      thief = await steal(parts.worker, worker);
    });

    it("it is valid: it reads its own ClusterNode", async () => {
      expect((await thief.kubectl(["get", "clusternode", worker])).said).to.include(worker);
    });

    const merge = (patch: object): readonly string[] => ["--type=merge", `--patch=${JSON.stringify(patch)}`];
    const forbidden: readonly (readonly [string, () => readonly string[]])[] = [
      [
        "another's status",
        () => ["patch", "clusternode", other, "--subresource=status", ...merge({ status: {} })],
      ],
      ["another's object", () => ["get", "clusternode", other]],
      ["all objects", () => ["get", "clusternodes"]],
      ["its own spec", () => ["patch", "clusternode", worker, ...merge({ spec: { roles: ["server"] } })]],
      [
        "another's Lease",
        () => ["patch", "lease", `node-${other}`, "-n", "cluster-os", ...merge({ spec: {} })],
      ],
      ["the operator's Lease", () => ["get", "lease", "clusternode-operator", "-n", "cluster-os"]],
      ["secrets", () => ["get", "secrets", "--all-namespaces"]],
      ["pods", () => ["get", "pods", "--all-namespaces"]],
      ["making pods", () => ["run", "intruder", "--image=registry.local/cluster-os/probe"]],
      ["Kubernetes Nodes", () => ["get", "nodes"]],
      ["certificate requests", () => ["get", "certificatesigningrequests"]],
      ["roles", () => ["get", "clusterrolebindings"]],
    ];
    for (const [what, args] of forbidden) {
      it(`${what}: refused`, async () => {
        const { exitCode, said } = await thief.kubectl(args());
        expect(exitCode).to.equal(1);
        expect(said).to.include("(Forbidden)");
      });
    }

    it("its own readiness: refused by the admission policy", async () => {
      const condition = {
        type: "Ready",
        status: "True",
        reason: "Stolen",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      };
      const { exitCode, said } = await thief.kubectl([
        ...["patch", "clusternode", worker, "--subresource=status"],
        ...merge({ status: { conditions: [condition] } }),
      ]);
      expect(exitCode).to.equal(1);
      expect(said).to.include("condition Ready is not node-agent's to write");
    });
  });

  describe("a machine is removed", () => {
    it("its objects go, and its index rests", async () => {
      const index = (await clusterNodes()).find(({ metadata }) => metadata.name === worker)?.status?.index;
      await parts.worker.kill();
      await must(["kubectl", "delete", "clusternode", worker, "--timeout=60s"]);
      expect((await clusterNodes()).map(({ metadata }) => metadata.name)).to.not.include(worker);
      const gone = [
        ["node", worker],
        ["lease", `node-${worker}`, "--namespace=cluster-os"],
        ["clusterrole", `cluster-os:node:${worker}`],
        ["clusterrolebinding", `cluster-os:node:${worker}`],
      ];
      for (const object of gone) {
        const { exitCode, stderr } = await clusterOs(["kubectl", "get", ...object]);
        expect([exitCode, stderr], object.join(" ")).to.satisfy(
          ([code, text]: [number, string]) => code === 1 && text.includes("(NotFound)"),
        );
      }
      const { metadata } = await inNamespaceJson<Node>("get", "configmap", `node-index-${index}`);
      expect(metadata.labels["cluster-os.dev/resting"]).to.equal("true");
    });

    // The last: a deletion that was taken cannot be taken back.
    it("one that serves and is alive stays, and it says why", async () => {
      const name = await nodeNameOf(parts.servers[0]?.number ?? 0);
      await must(["kubectl", "delete", "clusternode", name, "--wait=false"]);
      await timed("it says why", async () => {
        const found = (await clusterNodes()).find(({ metadata }) => metadata.name === name);
        const applied = findCondition(found?.status?.conditions, "SpecApplied");
        return applied?.reason === "StillServes" && isReady(found);
      });
      await kubectlJson("get", "node", name);
    });
  });

  async function leader(): Promise<{ readonly machine: Machine; readonly holder: string }> {
    const { spec } = await leaderLease();
    const pod = spec.holderIdentity.split("_")[0] ?? "";
    const { spec: placed } = await inNamespaceJson<Pod>("get", "pod", pod);
    return { machine: await machineOf(lab, placed.nodeName), holder: spec.holderIdentity };
  }
});

interface Named {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
}
interface Node extends Named {
  readonly spec: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly value?: string }[];
  };
}
interface Pod extends Named {
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly phase: string };
}
interface Deployment extends Named {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}
interface Events {
  readonly items: readonly { readonly reason: string }[];
}

function inNamespace(args: readonly string[]): Promise<string> {
  return must(["kubectl", "--namespace=cluster-os", ...args]);
}

function inNamespaceJson<T>(...args: readonly string[]): Promise<T> {
  return kubectlJson<T>("--namespace=cluster-os", ...args);
}

function leaderLease(): Promise<{ readonly spec: { readonly holderIdentity: string } }> {
  return inNamespaceJson("get", "lease", "clusternode-operator");
}

/** The nodes on which the operator's replicas stand. */
async function podNodes(): Promise<readonly string[]> {
  const { items } = await inNamespaceJson<{ readonly items: readonly Pod[] }>(
    "get",
    "pods",
    "--selector=app.kubernetes.io/name=clusternode-operator",
  );
  return items.map(({ spec }) => spec.nodeName);
}

async function changeSpec(name: string, spec: object): Promise<void> {
  await must([
    "kubectl",
    "patch",
    "clusternode",
    name,
    "--type=merge",
    `--patch=${JSON.stringify({ spec })}`,
  ]);
}

async function labelsOf(name: string): Promise<Readonly<Record<string, string>>> {
  return (await kubectlJson<Node>("get", "node", name)).metadata.labels;
}

import { findCondition, type ClusterNodeObject } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { delay } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { differencesOfNodes } from "../src/differences.ts";
import { findParts, readySince, type Parts } from "../src/machines.ts";
import { clusterNodes, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";
import { nodeStates } from "../src/slurm.ts";
import { describeCertificates } from "./certificates.part.ts";
import { describeFlood } from "./flood.part.ts";

/** Two rounds of each loop, in milliseconds. */
const ROUNDS_MS = 12_000;

describe("a cluster of three servers and a worker", function () {
  this.timeout(5 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let parts: Parts;

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    parts = await findParts(lab);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  describe("the worker loses its power", () => {
    let name = "";

    it("its ClusterNode is no longer Ready; the others do not notice", async () => {
      name = await nodeNameOf(parts.worker.number);
      await parts.worker.kill();
      await timed("no longer Ready", async () => !isReady(await clusterNode(name)));
      expect((await clusterNodes()).filter(isReady)).to.have.length(3);
    });

    it("it comes back by itself", async () => {
      await parts.worker.start();
      await timed("Ready again", async () => isReady(await clusterNode(name)));
    });
  });

  describe("the worker leaves", () => {
    let name = "";

    it("its work ends, it is said to have left, and Kubernetes forgets its Node", async () => {
      name = await nodeNameOf(parts.worker.number);
      expect(await must(["leave", parts.worker.name])).to.include(`${name} has left`);
      await timed("said to have left", async () => {
        const member = findCondition((await clusterNode(name))?.status?.conditions, "Member");
        return member?.status === "False" && member.reason === "Left";
      });
      await timed("no Node", async () => !(await nodes()).includes(name));
      await timed("not Ready", async () => !isReady(await clusterNode(name)));
    });

    it("it stays out through a reboot", async () => {
      await parts.worker.kill();
      await parts.worker.start();
      await parts.worker.waitBooted();
      const { stdout } = await parts.worker.exec(["systemctl", "is-active", "cluster-os-bootstrap"]);
      expect(stdout.trim()).to.equal("inactive");
    });

    it("it comes back when it is asked to, under its old name and index", async () => {
      const before = await clusterNode(name);
      await must(["join", parts.worker.name]);
      await timed("Ready again", async () => isReady(await clusterNode(name)));
      const after = await clusterNode(name);
      expect(after?.status?.index).to.equal(before?.status?.index);
      expect(await nodes()).to.include(name);
    });

    it("a server is not let go while autopilot may not hand its place over", async () => {
      const [server] = parts.servers;
      await must(["pause", "a test"]);
      await timed("paused", async () => (await must(["plan", "-o", "json"])).includes('"pause": "a test"'));
      const { exitCode, stderr } = await clusterOs(["leave", server?.name ?? ""]);
      expect(exitCode).to.equal(1);
      expect(stderr).to.include("autopilot is paused (a test) and hands nothing over");
      await must(["resume"]);
    });
  });

  describe("a server is cut off from the others", () => {
    it("the majority goes on, and says so; the minority takes no writes", async () => {
      const [lost, ...others] = parts.servers;
      const name = await nodeNameOf(lost?.number ?? 0);
      const rest = [...others, parts.worker].map((machine) => machine.name).join(",");
      await must(["partition", `${lost?.name}|${rest}`]);
      await timed("a write by the majority", () => writes(others[0]));
      await timed("the lost one is not Ready", async () => {
        const seen = await kubectlOn(others[0], ["get", "clusternode", name, "--output=json"]);
        return seen !== undefined && !isReady(JSON.parse(seen) as never);
      });
      expect(await writes(lost)).to.equal(false);
    });

    it("it heals", async () => {
      await must(["heal"]);
      await timed("all Ready", async () => (await clusterNodes()).every(isReady));
    });
  });

  describe("a daemon is restarted on a cluster that is as it should be", () => {
    const units = [
      "cluster-os-bootstrap",
      "cluster-os-node-agent",
      "cluster-os-balancer",
      "containerd",
      "kubelet",
    ];
    let rest: readonly ClusterNodeObject[] = [];
    beforeEach("everything is at rest", async () => {
      if (differencesOfNodes(rest, await clusterNodes()).length > 0) rest = await settled();
    });

    for (const unit of units) {
      it(`${unit}: nothing is changed`, async () => {
        const [machine] = parts.servers;
        const since = (await machine?.run(["date", "+%s.%N"]))?.trim() ?? "";
        await machine?.run(["systemctl", "restart", unit]);
        await timed("all Ready", async () => (await clusterNodes()).every(isReady));
        await timed(
          "it runs",
          async () => (await machine?.exec(["systemctl", "is-active", unit]))?.exitCode === 0,
        );
        await delay(ROUNDS_MS);
        expect((await actsSince(machine, since)).join("\n")).to.equal("");
        expect(differencesOfNodes(rest, await clusterNodes()).join("\n")).to.equal("");
      });
    }
  });

  describe("a machine throws garbage at another's gossip port", () => describeFlood(() => parts));

  describe("certificates are to be renewed", () => describeCertificates(() => parts.servers));

  describe("no API server answers for a minute", () => {
    it("no node loses its readiness, and the API takes writes again", async function () {
      this.timeout(6 * MINUTE_MS);
      const before = await readySince();
      await Promise.all(parts.servers.map((machine) => signalApiServer(machine, "STOP")));
      try {
        expect(await writes(parts.servers[0])).to.equal(false);
        await delay(MINUTE_MS);
      } finally {
        await Promise.all(parts.servers.map((machine) => signalApiServer(machine, "CONT")));
      }
      await timed("a write", () => writes(parts.servers[0]));
      await timed("all Ready", async () => (await clusterNodes()).every(isReady));
      // A node that nobody could hear of is not a node that was silent.
      await delay(20_000);
      expect(await readySince()).to.deep.equal(before);
    });
  });

  it("SLURM, whose controller was moved by all that, still knows every node", async () => {
    await timed("every node takes jobs", async () => (await nodeStates(1))?.["idle"] === 4);
  });

  describe("somebody applies a wrong object", () => {
    const wrong: readonly (readonly [string, object, string])[] = [
      [
        "a misspelt field",
        { spec: { unschedulabel: true } },
        ".spec.unschedulabel: field not declared in schema",
      ],
      ["a value of another type", { spec: { unschedulable: "yes" } }, "spec.unschedulable"],
      ["a role with capitals", { spec: { roles: ["Worker"] } }, "spec.roles[0]"],
    ];
    for (const [what, change, message] of wrong) {
      it(`${what} is refused in words that name it`, async () => {
        const [node] = await clusterNodes();
        const { apiVersion, kind, metadata } = node ?? expect.fail("no ClusterNode");
        const object = { apiVersion, kind, metadata: { name: metadata.name }, ...change };
        const { exitCode, stderr } = await clusterOs(["kubectl", "apply", "--server-side", "--filename=-"], {
          input: JSON.stringify(object),
        });
        expect(exitCode).to.equal(1);
        expect(stderr).to.include(message);
      });
    }
  });

  async function clusterNode(name: string) {
    return (await clusterNodes()).find(({ metadata }) => metadata.name === name);
  }
});

async function nodes(): Promise<readonly string[]> {
  const { items } = await kubectlJson<{ readonly items: readonly { readonly metadata: { name: string } }[] }>(
    "get",
    "nodes",
  );
  return items.map(({ metadata }) => metadata.name);
}

/** kubectl on one server, against its own API server: what it printed, or undefined. */
async function kubectlOn(machine: Machine | undefined, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout } = (await machine?.exec([
    ...["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s"],
    ...args,
  ])) ?? { exitCode: 1, stdout: "" };
  return exitCode === 0 ? stdout : undefined;
}

let written = 0;

/** Whether a server's API takes a write. */
async function writes(machine: Machine | undefined): Promise<boolean> {
  written += 1;
  return (await kubectlOn(machine, ["create", "configmap", `written-${written}`])) !== undefined;
}

/**
 * All ClusterNodes once nothing of them changes any more: all is well, clocks too, which takes chrony a minute after a
 * start, SLURM's controller and its copies are of one epoch and every node knows of them, and after two rounds of every
 * loop that is all the same.
 */
async function settled(): Promise<readonly ClusterNodeObject[]> {
  let rest: readonly ClusterNodeObject[] = [];
  let restless: readonly string[] = ["nothing was seen"];
  await timed(
    "all is well, and stays as it is",
    async () => {
      const before = await clusterNodes();
      restless = unwell(before);
      if (restless.length > 0) return false;
      await delay(ROUNDS_MS);
      rest = await clusterNodes();
      restless = [...unwell(rest), ...differencesOfNodes(before, rest)];
      return restless.length === 0;
    },
    4 * MINUTE_MS,
  ).catch((cause: unknown) => {
    throw new Error(`it does not settle: ${restless.join("; ")}`, { cause });
  });
  return rest;
}

/** What is not as it should be. */
function unwell(nodes: readonly ClusterNodeObject[]): readonly string[] {
  const conditions = nodes.flatMap(({ metadata, status }) =>
    status?.conditions === undefined
      ? [`${metadata.name} has no conditions`]
      : status.conditions
          .filter(({ status: is }) => is !== "True")
          .map(({ type, reason, message }) => `${metadata.name} ${type}: ${reason}, ${message}`),
  );
  return [
    ...conditions,
    ...nodes.flatMap(unwellInSlurm),
    ...(isOfOneEpoch(nodes) ? [] : ["SLURM's copies are not all of its controller's epoch"]),
  ];
}

/** A machine that was cut off keeps its conditions until it has heard of the controller's move: they tell less than this. */
function unwellInSlurm({ metadata: { name }, status }: ClusterNodeObject): readonly string[] {
  const { slurmd, view, controller } = status?.slurm ?? {};
  const down = controller?.nodes?.down ?? 0;
  return [
    ...(slurmd?.message === undefined ? [] : [`${name}: ${slurmd.message}`]),
    ...(view ? [] : [`SLURM told ${name} nothing of itself`]),
    ...(down === 0 ? [] : [`SLURM's controller on ${name} counts ${down} nodes as down`]),
  ];
}

/** Whether SLURM's controller runs, and it and its copies are of one epoch. */
function isOfOneEpoch(nodes: readonly ClusterNodeObject[]): boolean {
  const epochs = nodes.flatMap(({ status }) => status?.slurm?.controller?.epoch ?? []);
  const copies = new Map(nodes.map(({ metadata, status }) => [metadata.name, status?.slurm?.controller]));
  const newest = Math.max(...epochs);
  return [...copies.values()].some(
    (controller) =>
      controller?.running === true &&
      controller.epoch === newest &&
      controller.members?.every((member) => copies.get(member)?.replica?.epoch === newest) === true,
  );
}

/** What bootstrap did to its machine since then, by its own log. */
async function actsSince(machine: Machine | undefined, since: string): Promise<readonly string[]> {
  const journal = await machine?.run([
    ...["journalctl", "--unit=cluster-os-bootstrap", `--since=@${since}`, "--output=cat", "--quiet"],
  ]);
  const acts = ["mesh peers changed", "mesh interface changed", "wiping", "balancer", "Kubernetes act"];
  return (journal ?? "").split("\n").filter((line) => acts.some((act) => line.includes(`"message":"${act}`)));
}

async function signalApiServer(machine: Machine, signal: "STOP" | "CONT"): Promise<void> {
  const pid = (await machine.run(["pidof", "kube-apiserver"])).trim();
  await machine.run(["kill", `-${signal}`, pid]);
}

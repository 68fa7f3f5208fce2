import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Lab } from "@cluster-os/lab";
import { ClusterStatus, MemberList } from "@cluster-os/api";
import { systemRng, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { hostState, nullMode, processesInside, stillRunning, type HostState } from "../src/host-state.ts";
import { clusterNodes, etcdVoters, handshakes, isReady, meshAddressOf, nodeNameOf } from "../src/nodes.ts";
import { describeFirewall } from "./firewall.part.ts";

const MINUTE_MS = 60_000;
const MACHINES = [1, 2, 3] as const;

describe("bare nodes become a cluster", function () {
  this.timeout(5 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let bare: HostState;
  /** What `up` printed. */
  let printed = "";

  before("three machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    bare = await hostState();
    printed = await must(["up", "--nodes", "3", "--timeout", "780"]);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  describe("up", () => {
    it("lets the machines find each other and become Ready, and shows it", () => {
      expect(printed.match(/^ +[0-9]+\.[0-9] s {2}n-[a-z2-7]{10} is Ready$/gm)).to.have.length(3);
      expect(printed).to.match(/^NAME +ROLES +CPU +MEMORY +GPU +ADDRESS +READY/m);
      expect(printed).to.include("Try next:");
    });

    it("shows each machine as a ClusterNode with identity, roles, capabilities and mesh address", async () => {
      const nodes = await clusterNodes();
      const members = MemberList.parse(JSON.parse(await must(["members", "-o", "json"])));
      expect(nodes.map(({ metadata }) => metadata.name)).to.have.members(
        await Promise.all(MACHINES.map(nodeNameOf)),
      );
      expect(nodes.map(isReady)).to.deep.equal([true, true, true]);
      expect(nodes.map(({ status }) => status?.index)).to.deep.equal([1, 2, 3]);
      expect(nodes.map(meshAddressOf)).to.deep.equal(["10.86.0.1", "10.86.0.2", "10.86.0.3"]);
      for (const { metadata, status } of nodes) {
        expect(status?.nodeID).to.match(/^ed25519:[0-9a-f]{64}$/);
        expect(status?.nodeID).to.equal(members.find(({ name }) => name === metadata.name)?.node_id);
        expect(status?.roles).to.include("server");
        expect(status?.capabilities?.cpu).to.be.greaterThan(0);
        expect(status?.capabilities?.memory).to.match(/^[1-9][0-9]*Mi$/);
        expect(status?.capabilities?.gpus).to.be.a("number");
      }
    });

    it("has three voters, as etcd says and as status says", async () => {
      const names = await Promise.all(MACHINES.map(nodeNameOf));
      expect(await etcdVoters(1)).to.have.members(names);
      const { controlPlane } = ClusterStatus.parse(JSON.parse(await must(["status", "-o", "json"])));
      expect(controlPlane.voters.map(({ name }) => name)).to.have.members(names);
      expect(controlPlane.voters.every(({ healthy }) => healthy)).to.equal(true);
    });

    it("has a WireGuard handshake between every two machines", async () => {
      for (const machine of MACHINES) {
        await waitFor(async () => (await handshakes(machine)).filter((at) => at > 0).length === 2, {
          what: `m${machine}'s handshakes with both others`,
          timeoutMs: MINUTE_MS,
          everyMs: 500,
        });
      }
    });

    it("finds the machines running when it is typed again", async () => {
      const stdout = await must(["up", "--nodes", "3"]);
      expect(stdout).to.include("found 3 machines running");
    });
  });

  describe("a Service", () => {
    it("answers by its name, from a pod on another node", async () => {
      const example = join(import.meta.dirname, "../../docs/examples/greeter.yaml");
      await must(["kubectl", "apply", "--filename=-"], { input: await readFile(example, "utf8") });
      await waitFor(async () => (await podOf("asker")).status.phase === "Succeeded", {
        what: "the asker's answer",
        timeoutMs: 3 * MINUTE_MS,
        everyMs: 1000,
      });
      const [greeter, asker] = [await podOf("greeter"), await podOf("asker")];
      const log = await must(["kubectl", "logs", "asker"]);
      // The greeter saw the asker itself: pod traffic is not rewritten on its way.
      expect(log)
        .to.match(/^greeter answers /)
        .and.include(asker.status.podIP);
      expect(asker.spec.nodeName).to.not.equal(greeter.spec.nodeName);
    });
  });

  describeFirewall();

  describe("shell", () => {
    it("passes on the exit code", async () => {
      expect((await clusterOs(["shell", "m2", "--", "sh", "-c", "exit 7"])).exitCode).to.equal(7);
    });
    it("passes standard input and output, byte for byte", async () => {
      const input = "one\n\ttwo\u00e9\nno end of line";
      expect(await must(["shell", "2", "--", "cat"], { input })).to.equal(input);
    });
    it("takes a node's name", async () => {
      const name = await nodeNameOf(3);
      expect(await must(["shell", name, "--", "hostname"])).to.equal(`${name}\n`);
    });
    it("keeps standard error apart", async () => {
      const { stdout, stderr } = await clusterOs(["shell", "m2", "--", "sh", "-c", "echo out; echo err >&2"]);
      expect({ stdout, stderr }).to.deep.equal({ stdout: "out\n", stderr: "err\n" });
    });
  });

  describe("when the first machine loses its power", () => {
    let lost = "";

    it("the API takes writes again within 20 seconds", async function () {
      lost = await nodeNameOf(1);
      await must(["kubectl", "create", "configmap", "from-before"]);
      const killedAt = performance.now();
      await must(["kill", "1"]);
      await waitFor(
        async () =>
          (await clusterOs(["kubectl", "create", "configmap", "from-after", "--request-timeout=3s"]))
            .exitCode === 0,
        { what: "a write to the API", timeoutMs: MINUTE_MS },
      );
      const seconds = (performance.now() - killedAt) / 1000;
      console.log(`        (the API took a write after ${seconds.toFixed(1)} s)`);
      expect(seconds).to.be.lessThan(20);
    });

    it("its ClusterNode is no longer Ready, and the others stay", async () => {
      const nodes = await waitFor(
        async () => {
          const seen = await clusterNodes();
          return isReady(seen.find(({ metadata }) => metadata.name === lost)) ? undefined : seen;
        },
        { what: `the end of ${lost}'s readiness`, timeoutMs: 2 * MINUTE_MS, everyMs: 1000 },
      );
      expect(nodes.filter(isReady)).to.have.length(2);
    });

    it("status says what happened", async () => {
      const stdout = await waitFor(
        async () => {
          const text = await must(["status"]);
          return text.includes(`the others see ${lost} as failed`) ? text : undefined;
        },
        { what: "failed in status", timeoutMs: MINUTE_MS, everyMs: 1000 },
      );
      expect(stdout).to.include(`m1 (${lost}) is off; start it: npx cluster-os start m1`);
      expect(stdout).to.include("2 of 3 voters are healthy");
    });

    it("kubectl and the log of the dead machine still work", async () => {
      expect(await must(["kubectl", "get", "configmap", "from-before", "--output=name"])).to.equal(
        "configmap/from-before\n",
      );
      expect(await must(["logs", "m1", "-n", "5"])).to.include(lost);
    });

    it("comes back by itself when it is given power", async () => {
      await must(["start", "1"]);
      await waitFor(async () => (await clusterNodes()).every(isReady), {
        what: `${lost} as Ready`,
        timeoutMs: 4 * MINUTE_MS,
        everyMs: 1000,
      });
      expect(await nodeNameOf(1)).to.equal(lost);
      expect(await etcdVoters(1)).to.have.length(3);
      await waitFor(
        async () =>
          ClusterStatus.parse(JSON.parse(await must(["status", "-o", "json"]))).controlPlane.voters.every(
            ({ healthy }) => healthy,
          ),
        { what: "three healthy voters", timeoutMs: 2 * MINUTE_MS, everyMs: 1000 },
      );
      expect(await must(["kubectl", "get", "configmap", "from-after", "--output=name"])).to.equal(
        "configmap/from-after\n",
      );
    });
  });

  describe("a machine that comes later, with the same file", () => {
    it("is admitted by the servers and becomes a worker", async () => {
      const file = await must(["shell", "m1", "--", "cat", "/etc/cluster-os/cluster-os.yaml"]);
      const machine = await lab.add(file);
      const node = await waitFor(
        async () => (await clusterNodes()).filter(isReady).find(({ status }) => status?.index === 4),
        { what: `${machine.name} as a fourth Ready node`, timeoutMs: 3 * MINUTE_MS, everyMs: 1000 },
      );
      expect(node.metadata.name).to.equal(await nodeNameOf(machine.number));
      expect(node.status?.roles).to.deep.equal(["worker"]);
      expect(meshAddressOf(node)).to.equal("10.86.0.4");
      expect(await etcdVoters(1)).to.have.length(3);
    });
  });

  describe("a machine that must not get in", () => {
    let outsider = "";
    const key = (): string => Buffer.from(systemRng.bytes(32)).toString("base64");

    it("has another join key: it stays out and says why", async () => {
      const machine = await lab.add(`joinKey: ${key()}\nexpect: 3\n`);
      const problem = await waitFor(
        async () => {
          const { stdout } = await clusterOs(["status"]);
          return stdout
            .split("\n")
            .find((line) => line.includes(`${machine.name} (`) && line.includes("another join key"));
        },
        { what: `${machine.name}'s complaint`, timeoutMs: MINUTE_MS, everyMs: 1000 },
      );
      expect(problem).to.match(/ed25519:[0-9a-f]{64} is on this network with another join key/);
      outsider = machine.name;
      const name = await nodeNameOf(machine.number);
      expect(
        MemberList.parse(JSON.parse(await must(["members", "-o", "json"]))).map((member) => member.name),
      ).to.not.include(name);
      expect(await clusterNodes()).to.have.length(4);
    });

    it("was given a file with an unknown field: it says which, and what was meant", async () => {
      const machine = await lab.add(`joinKey: ${key()}\nexpct: 3\n`);
      const log = await logOf(machine.name, "expct");
      expect(log).to.include("there is no field expct").and.include("did you mean expect?");
      expect(
        (await clusterOs(["shell", machine.name, "--", "test", "-e", "/var/lib/cluster-os/identity"]))
          .exitCode,
      ).to.equal(1);
    });

    it("has a damaged identity: it refuses to start and does not make another", async () => {
      const path = "/var/lib/cluster-os/identity/ed25519.pem";
      await must(["shell", outsider, "--", "systemctl", "stop", "cluster-os-bootstrap"]);
      await must(["shell", outsider, "--", "sh", "-c", `cat >${path}`], { input: "damaged\n" });
      await must(["shell", outsider, "--", "systemctl", "start", "cluster-os-bootstrap"]);
      expect(await logOf(outsider, "ed25519.pem")).to.include(path);
      expect(await must(["shell", outsider, "--", "cat", path])).to.equal("damaged\n");
    });
  });

  describe("down", () => {
    it("leaves nothing: no process, mount, namespace, link, cgroup or loop device", async () => {
      const statuses = await Promise.all((await lab.machines()).map((machine) => machine.status()));
      const inside = await processesInside(statuses.flatMap(({ leader }) => leader ?? []));
      expect(inside.length).to.be.greaterThan(30);
      await must(["down"]);
      expect(await stillRunning(inside)).to.deep.equal([]);
      expect(await hostState()).to.deep.equal(bare);
      expect(await nullMode()).to.equal(0o666);
    });

    it("succeeds when there is nothing to end", async () => {
      expect(await must(["down"])).to.include("down already");
    });
  });
});

async function logOf(machine: string, word: string): Promise<string> {
  return waitFor(
    async () => {
      const { stdout } = await clusterOs(["logs", machine]);
      return stdout.includes(word) ? stdout : undefined;
    },
    { what: `"${word}" in the log of ${machine}`, timeoutMs: MINUTE_MS, everyMs: 1000 },
  );
}

interface Pod {
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string; readonly podIP?: string };
}

function podOf(name: string): Promise<Pod> {
  return kubectlJson("get", "pod", name);
}

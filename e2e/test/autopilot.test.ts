import type { AutopilotStatus } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { findParts, machineOf, type Parts } from "../src/machines.ts";
import { clusterNodes, etcdVoters, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

/** After how long a lost server is replaced here, in seconds. */
const GRACE_S = 20;
/** What the replacement may take besides, in seconds. */
const REPLACEMENT_S = 30;

describe("a server lost for good", function () {
  this.timeout(5 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let parts: Parts;
  let lost: Machine;
  let lostName = "";
  let survivor: Machine;

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--failed-server-grace", `${GRACE_S}s`, "--timeout", "780"]);
    parts = await findParts(lab);
    lostName = (await plan()).servers[0] ?? expect.fail("autopilot names no server");
    lost = await machineOf(lab, lostName);
    survivor = parts.servers.find(({ number }) => number !== lost.number) ?? expect.fail("one server only");
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("is replaced by the worker, in place: three voters again, by etcd's own word", async () => {
    const workerName = await nodeNameOf(parts.worker.number);
    await must(["kubectl", "run", "goes-on", ...pod(workerName)]);
    await timed("a pod on the worker", async () => (await state("goes-on")).isReady);
    const before = await state("goes-on");
    await lost.kill();
    await timed(
      "three voters again",
      async () => {
        const voters = await etcdVoters(survivor.number).catch((): readonly string[] => []);
        return voters.length === 3 && voters.includes(workerName) && !voters.includes(lostName);
      },
      (GRACE_S + REPLACEMENT_S) * 1000,
    );
    await timed("its own API answers", async () => (await servesItself(parts.worker)) === true);
    expect(await state("goes-on")).to.deep.equal(before);
  });

  it("is gone from Kubernetes, and its end is told as an event", async () => {
    await timed("no Node", async () => !(await nodes()).includes(lostName));
    const { items } = await kubectlJson<{ items: { reason: string; regarding?: { name: string } }[] }>(
      ...["get", "events.events.k8s.io", "--namespace=default"],
    );
    expect(items.map(({ reason }) => reason)).to.include.members(["ServerLost", "ServerChosen"]);
    expect(await plan()).to.include({ epoch: 1, action: "nothing" });
  });

  it("comes back as a worker; what it was lies aside, and there is one cluster", async () => {
    await lost.start();
    await timed("a worker", async () => {
      const { exitCode, stdout } = await lost.exec(["cluster-os", "status", "-o", "json"]);
      const status =
        exitCode === 0 ? (JSON.parse(stdout) as { nodes: { name: string; roles: string[] }[] }) : undefined;
      return status?.nodes.find(({ name }) => name === lostName)?.roles.includes("worker") ?? false;
    });
    await timed("its Node is there", async () => (await nodes()).includes(lostName));
    await timed("all are Ready", async () => (await clusterNodes()).every(isReady));
    expect(await etcdVoters(survivor.number))
      .to.have.length(3)
      .and.not.include(lostName);
    // Its kubelet is a worker's before the last pod of its control plane has ended, and its data is moved after that.
    await timed("what it was lies aside", async () => {
      const { exitCode, stdout } = await lost.exec(["ls", "/var/lib/cluster-os/set-aside"]);
      return exitCode === 0 && stdout.trim() !== "";
    });
  });

  it("a pause keeps autopilot from acting, and says why", async () => {
    await must(["pause", "disks are being moved"]);
    await timed("paused", async () => (await plan()).pause === "disks are being moved");
    await must(["resume"]);
    await timed("resumed", async () => (await plan()).pause === undefined);
  });
});

async function plan(): Promise<AutopilotStatus> {
  return JSON.parse(await must(["plan", "-o", "json"])) as AutopilotStatus;
}

async function nodes(): Promise<readonly string[]> {
  const { items } = await kubectlJson<{ items: { metadata: { name: string } }[] }>("get", "nodes");
  return items.map(({ metadata }) => metadata.name);
}

/** A pod that lives on this node and needs no image but the one that every machine has. */
function pod(node: string): readonly string[] {
  const spec = { nodeName: node, tolerations: [{ operator: "Exists" }], terminationGracePeriodSeconds: 0 };
  return [
    "--image=registry.local/pause:3.10.1",
    "--image-pull-policy=Never",
    `--overrides=${JSON.stringify({ spec })}`,
  ];
}

interface PodState {
  readonly isReady: boolean;
  readonly restarts: number;
  readonly startedAt: string | undefined;
}

async function state(name: string): Promise<PodState> {
  const { exitCode, stdout } = await clusterOs(["kubectl", "get", "pod", name, "--output=json"]);
  if (exitCode !== 0) return { isReady: false, restarts: 0, startedAt: undefined };
  const { status } = JSON.parse(stdout) as {
    status: {
      containerStatuses?: {
        ready: boolean;
        restartCount: number;
        state: { running?: { startedAt: string } };
      }[];
    };
  };
  const [container] = status.containerStatuses ?? [];
  return {
    isReady: container?.ready ?? false,
    restarts: container?.restartCount ?? 0,
    startedAt: container?.state.running?.startedAt,
  };
}

async function servesItself(machine: Machine): Promise<boolean> {
  const { exitCode } = await machine.exec([
    ...["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s", "get", "--raw=/readyz"],
  ]);
  return exitCode === 0;
}

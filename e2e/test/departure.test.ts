import type { AutopilotStatus } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, LAB, must } from "../src/cluster-os.ts";
import { findParts, machineOf } from "../src/machines.ts";
import { clusterNodes, etcdVoters, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

describe("servers that go", function () {
  this.timeout(6 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let leaver: Machine;
  let leaverName = "";
  let worker: Machine;
  let workerName = "";
  let witness: Machine;

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    const parts = await findParts(lab);
    worker = parts.worker;
    workerName = await nodeNameOf(worker.number);
    [leaver, witness] = parts.servers as [Machine, Machine];
    leaverName = await nodeNameOf(leaver.number);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("a server that leaves hands its place to the worker first: never fewer than three votes", async () => {
    let fewest = 3;
    const leaving = must(["leave", `m${leaver.number}`]);
    const looking = (async () => {
      while (!(await isOver(leaving))) {
        const voters = await etcdVoters(witness.number).catch((): readonly string[] => []);
        if (voters.length > 0) fewest = Math.min(fewest, voters.length);
      }
    })();
    const started = performance.now();
    expect(await leaving).to.include(`${leaverName} has left cluster`);
    console.log(`        (left: ${((performance.now() - started) / 1000).toFixed(1)} s)`);
    await looking;
    expect(fewest).to.equal(3);
    const voters = await etcdVoters(witness.number);
    expect(voters).to.have.length(3).and.include(workerName).and.not.include(leaverName);
  });

  it("its ClusterNode says that it has left, and it is a member of gossip that said goodbye", async () => {
    await timed("Member False, reason Left", async () => {
      const node = (await clusterNodes()).find(({ metadata }) => metadata.name === leaverName);
      return (
        node?.status?.conditions?.some(({ type, reason }) => type === "Member" && reason === "Left") ?? false
      );
    });
    const members = JSON.parse(await must(["members", "-o", "json"])) as { name: string; status: string }[];
    expect(members.find(({ name }) => name === leaverName)?.status).to.equal("left");
  });

  it("comes back as a worker", async () => {
    await must(["join", `m${leaver.number}`]);
    await timed("all are Ready", async () => {
      const nodes = await clusterNodes();
      return nodes.length === 4 && nodes.every(isReady);
    });
    expect(await etcdVoters(witness.number)).to.not.include(leaverName);
  });

  it("is drained for maintenance: another worker takes its place, and it goes on as a worker", async () => {
    const drained = await machineOf(lab, workerName);
    await must(["drain", `m${drained.number}`]);
    const voters = await etcdVoters(witness.number);
    expect(voters).to.have.length(3).and.include(leaverName).and.not.include(workerName);
    await must(["drain", `m${drained.number}`, "--end"]);
  });

  it("two of three are lost for good: nothing half-works, and recover brings the API back", async () => {
    const voters = await etcdVoters(witness.number);
    const witnessName = await nodeNameOf(witness.number);
    await must(["kubectl", "create", "configmap", "before", "--namespace=default"]);
    const lost = voters.filter((name) => name !== witnessName);
    for (const name of lost) await (await machineOf(lab, name)).kill();
    await timed("they are known to have failed", async () => {
      const { stdout } = await clusterOs(["recover", `m${witness.number}`]);
      return stdout.includes("would begin anew");
    });
    const refused = await clusterOs(["kubectl", "create", "configmap", "refused", "--request-timeout=5s"]);
    expect(refused.exitCode).to.not.equal(0);
    const started = performance.now();
    expect(await must(["recover", `m${witness.number}`, "--yes"])).to.include("etcd has begun anew");
    console.log(`        (recovered: ${((performance.now() - started) / 1000).toFixed(1)} s)`);
    await timed("the API writes", async () => {
      const { exitCode } = await clusterOs([
        "kubectl",
        "create",
        "configmap",
        "after",
        "--namespace=default",
      ]);
      return exitCode === 0;
    });
    await must(["kubectl", "get", "configmap", "before", "after", "--namespace=default"]);
    expect(await etcdVoters(witness.number)).to.deep.equal([witnessName]);
    await timed("the roles are of the next generation", async () => (await plan()).epoch >= 1_000_000);
  });

  it("who was thought lost and returns becomes a server again only by autopilot, in the one cluster", async () => {
    for (const machine of await lab.machines())
      if (!(await machine.status()).isRunning) await machine.start();
    await timed("three voters", async () => (await etcdVoters(witness.number)).length === 3, 5 * MINUTE_MS);
    await timed("all are Ready", async () => (await clusterNodes()).every(isReady));
  });
});

async function plan(): Promise<AutopilotStatus> {
  return JSON.parse(await must(["plan", "-o", "json"])) as AutopilotStatus;
}

/** Whether it has ended, after a moment. */
function isOver(work: Promise<unknown>): Promise<boolean> {
  const moment = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500));
  return Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    moment,
  ]);
}

import type { AutopilotStatus, ClusterStatus } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, LAB, must } from "../src/cluster-os.ts";
import { clusterNodes, etcdVoters, isReady } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const CONFIG_FILE = "/etc/cluster-os/cluster-os.yaml";

/** A cluster of this many machines has so many voters. */
const SIZES = [
  { machines: 2, voters: 1 },
  { machines: 3, voters: 3 },
  // Five voters are for seven machines and more.
  { machines: 5, voters: 3 },
] as const;

describe("a cluster that grows from one machine to five and shrinks to three", function () {
  this.timeout(12 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let config = "";
  const written: string[] = [];
  const gone: number[] = [];

  before("one machine boots", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "1", "--expect", "1", "--timeout", "780"]);
    const [first] = await lab.machines();
    config = await (first ?? expect.fail("no machine")).run(["cat", CONFIG_FILE]);
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("one machine is a cluster with one voter", async () => {
    expect(await etcdVoters(1)).to.have.length(1);
    await write("one");
  });

  for (const { machines, voters } of SIZES)
    it(`${machines} machines have ${voters} voters`, async () => {
      while ((await lab.machines()).length < machines) await lab.add(config);
      await timed("all are Ready", () => areReady(machines), 8 * MINUTE_MS);
      await timed(`${voters} voters`, () => haveVoters(voters), 8 * MINUTE_MS);
      await timed("autopilot is content", () => isContent(voters), 2 * MINUTE_MS);
      await write(`at-${machines}`);
    });

  it("two servers that leave, etcd's leader first, hand their votes to the workers", async () => {
    for (let left = 0; left < 2; left += 1) {
      const leader = await leaderMachine();
      gone.push(leader.number);
      await timed(`m${leader.number} has left`, async () =>
        /has left/.test(await must(["leave", leader.name])),
      );
      await timed("three voters", () => haveVoters(3), 4 * MINUTE_MS);
    }
    await timed("autopilot is content", () => isContent(3), 2 * MINUTE_MS);
    const names = (await clusterNodes()).filter(isReady).map(({ metadata }) => metadata.name);
    expect(names).to.have.length(3);
  });

  it("what was written at each size is there", async () => {
    for (const name of written)
      expect(await must(["kubectl", "get", "configmap", name, "--output=name"])).to.include(name);
  });

  async function write(name: string): Promise<void> {
    await must(["kubectl", "create", "configmap", name]);
    written.push(name);
  }

  /** By any server's own word; whoever serves no more, or not yet, has none. */
  async function haveVoters(count: number): Promise<boolean> {
    for (const { number } of (await lab.machines()).filter((one) => !gone.includes(one.number))) {
      const voters = await etcdVoters(number).catch((): readonly string[] => []);
      if (voters.length > 0) return voters.length === count;
    }
    return false;
  }

  async function leaderMachine(): Promise<Machine> {
    const { controlPlane } = JSON.parse(await must(["status", "-o", "json"])) as ClusterStatus;
    const { leader = "" } = controlPlane;
    for (const machine of await lab.machines())
      if ((await machine.run(["hostname"])).trim() === leader) return machine;
    return expect.fail(`nobody is etcd's leader ${leader}`);
  }
});

async function areReady(count: number): Promise<boolean> {
  const nodes = await clusterNodes().catch(() => []);
  return nodes.length === count && nodes.every(isReady);
}

async function isContent(wanted: number): Promise<boolean> {
  const { exitCode } = await clusterOs(["kubectl", "get", "--raw=/readyz"]);
  const { action, wanted: now } = await plan();
  return exitCode === 0 && action === "nothing" && now === wanted;
}

async function plan(): Promise<AutopilotStatus> {
  return JSON.parse(await must(["plan", "-o", "json"])) as AutopilotStatus;
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, LAB, must } from "../src/cluster-os.ts";
import { machineOf } from "../src/machines.ts";
import { nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";
import { exchange, haveKey } from "../src/slurm-keys.ts";
import { describeLoad, startLoad } from "../src/slurm-load.ts";
import { asUser, jobState, nodeStates, onMachine, slurmCluster, submit, USER } from "../src/slurm.ts";

const NODES = 3;
const EXAMPLE = join(import.meta.dirname, "../../docs/examples/slurmcluster.yaml");
const JWKS = "/etc/slurm/slurm.jwks";
/** Jobs begin as quickly as slurmctld can, so that a load does not become a queue (slurm.conf(5)). */
const QUICKLY = "batch_sched_delay=0,sched_min_interval=0,bf_interval=1";

describe("SLURM's messages signed by auth/slurm", function () {
  this.timeout(12 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let machines: readonly Machine[];

  before("three machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    if (process.env["CLUSTER_OS_USE_LAB"] === undefined) {
      await must(["down"]);
      await must(["up", "--nodes", String(NODES), "--timeout", "780"]);
    }
    machines = await lab.machines();
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("munge's key, exchanged under load, for comparison", async () => {
    await apply("munge");
    await allIdle();
    const load = await startLoad(machines, "munge");
    await exchange("munge");
    const result = await load.stop();
    console.log(`        (munge: ${describeLoad(result)})`);
  });

  it("another signer is refused while the SlurmCluster is there, with the way out", async () => {
    const { exitCode, stderr } = await patchAuth();
    expect(exitCode).not.to.equal(0);
    expect(stderr).to.match(/auth never changes: .* delete the SlurmCluster and apply it anew/);
  });

  it("a SlurmCluster that is deleted and applied anew has it, and the jobs that waited; munge is not needed", async () => {
    const asked = machines[0] ?? expect.fail("no machine");
    const held = await submit(asked, "--hold", "--wrap=true");
    await must(["kubectl", "delete", "slurmcluster", "default"]);
    await apply("slurm");
    await timed("all have its keys", async () => {
      const files = await Promise.all(machines.map((machine) => machine.exec(["cat", JWKS])));
      return files.every(({ exitCode }) => exitCode === 0);
    });
    await allIdle();
    expect(await jobState(asked, held)).to.equal("PENDING");
    await onMachine(asked.number, "scancel", held);
    for (const { number } of machines) {
      expect(await onMachine(number, "stat", "--format=%a %U:%G", JWKS)).to.equal("400 slurm:slurm");
      expect(await onMachine(number, "scontrol", "show", "config")).to.match(/AuthType\s+= auth\/slurm/);
    }
    for (const machine of machines)
      await timed(`no munged on ${machine.name}`, async () => {
        const { stdout } = await machine.exec(["systemctl", "is-active", "munge"]);
        return stdout.trim() === "inactive";
      });
  });

  it("a declared user runs jobs from every machine", async () => {
    for (const { number } of machines) {
      const ids = await asUser(number, "srun", "--chdir=/tmp", `--nodes=${NODES}`, "id", "--user", "--name");
      expect(ids.split("\n")).to.deep.equal(Array<string>(NODES).fill(USER));
    }
  });

  it("keys are exchanged under load, and nothing fails", async () => {
    const before = await keysOn(machines);
    expect(before).to.have.length(1);
    const load = await startLoad(machines, "slurm");
    await exchange("slurm", { auth: "slurm" });
    // The last step: the old one is believed no more.
    await timed("one key everywhere", async () => {
      const now = await keysOn(machines);
      return (
        now.length === 1 && now[0] !== before[0] && (await keyCounts(machines)).every((count) => count === 1)
      );
    });
    const result = await load.stop();
    console.log(`        (auth/slurm: ${describeLoad(result)})`);
    expect(result.failed).to.deep.equal({});
    expect(result.jobs.completed).to.equal(result.jobs.submitted);
  });

  it("the controller moves when its machine is lost, and a machine that was away has the key when it is back", async () => {
    const lost = await machineOf(lab, (await slurmCluster()).status?.activeController?.node ?? "");
    const [other] = machines.filter(({ number }) => number !== lost.number);
    const name = await nodeNameOf(lost.number);
    await must(["kill", lost.name]);
    await timed(
      "a job is taken",
      async () => (await submit(other ?? lost, "--wrap=true").catch(() => "")) !== "",
    );
    const generation = await exchange("away", { away: name, auth: "slurm" }).finally(() =>
      must(["start", lost.name]),
    );
    await timed("it has the key", () => haveKey(generation));
    await allIdle();
    const hosts = await onMachine(lost.number, "srun", `--nodes=${NODES}`, "hostname");
    expect(new Set(hosts.split("\n")).size).to.equal(NODES);
  });

  async function allIdle(): Promise<void> {
    for (const { number, name } of machines)
      await timed(`all idle, asked on ${name}`, async () => (await nodeStates(number))?.["idle"] === NODES);
    for (const machine of machines)
      await timed(
        `${USER} on ${machine.name}`,
        async () => (await machine.exec(["id", USER])).exitCode === 0,
      );
  }
});

/** The example, signed so; kubectl runs in a machine, which does not see this checkout. */
async function apply(auth: "munge" | "slurm"): Promise<void> {
  const text = await readFile(EXAMPLE, "utf8");
  const input = text.replace(/^spec:$/m, `spec:\n  auth: ${auth}`).replace(/bf_interval=.*$/m, QUICKLY);
  await must(["kubectl", "apply", "--filename", "-"], { input });
}

function patchAuth() {
  const patch = JSON.stringify({ spec: { auth: "slurm" } });
  return clusterOs(["kubectl", "patch", "slurmcluster", "default", "--type=merge", "--patch", patch]);
}

/** Digests of the machines' files of keys, each once. */
async function keysOn(machines: readonly Machine[]): Promise<readonly string[]> {
  const sums = await Promise.all(machines.map(({ number }) => onMachine(number, "sha256sum", JWKS)));
  return [...new Set(sums)];
}

async function keyCounts(machines: readonly Machine[]): Promise<readonly number[]> {
  const counts = machines.map(({ number }) => onMachine(number, "grep", "--count", '"kid"', JWKS));
  return (await Promise.all(counts)).map(Number);
}

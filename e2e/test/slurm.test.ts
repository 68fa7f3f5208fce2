import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, LAB, must, type Ended } from "../src/cluster-os.ts";
import { machineOf } from "../src/machines.ts";
import { nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";
import {
  asUser,
  jobState,
  MPI_PROGRAM,
  nodeStates,
  onMachine,
  slurmCluster,
  slurmctld,
  SLURMCTLD_PROGRAM,
  submit,
  USER,
} from "../src/slurm.ts";
import { describeKeys } from "./slurm-keys.part.ts";
import { answersRest, describeRest } from "./slurm-rest.part.ts";
import { describeShare } from "./slurm-share.part.ts";

const NODES = 3;
const SLURM_STATE = "/var/lib/slurm/slurmctld";
const SLURM_REPLICA = "/var/lib/cluster-os/replicas/slurmctld";
const EXAMPLE = join(import.meta.dirname, "../../docs/examples/slurmcluster.yaml");

describe("SLURM", function () {
  this.timeout(5 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let controller: Machine;
  let other: Machine;

  before("three machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    if (process.env["CLUSTER_OS_USE_LAB"] === undefined) {
      await must(["down"]);
      await must(["up", "--nodes", String(NODES), "--timeout", "780"]);
    }
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  const besides = async (machine: Machine): Promise<Machine> =>
    (await lab.machines()).find(({ number }) => number !== machine.number) ?? expect.fail("one machine only");

  it("one object makes a SLURM cluster of all machines", async () => {
    // kubectl runs in a machine, which does not see this checkout.
    await must(["kubectl", "apply", "--filename", "-"], { input: await readFile(EXAMPLE, "utf8") });
    await timed(
      "a controller",
      async () => (await slurmCluster()).status?.activeController?.node !== undefined,
    );
    const { node } = (await slurmCluster()).status?.activeController ?? {};
    controller = await machineOf(lab, node ?? expect.fail("no controller"));
    other = await besides(controller);
    for (const { number } of [controller, other])
      await timed(
        `all idle, asked on m${number}`,
        async () => (await nodeStates(number))?.["idle"] === NODES,
      );
  });

  it("runs a command on every node", async () => {
    const hosts = (await onMachine(other.number, "srun", `--nodes=${NODES}`, "hostname")).split("\n");
    expect(new Set(hosts).size).to.equal(NODES);
  });

  it("a declared user has one number everywhere, and runs jobs", async () => {
    await timed(
      "the account",
      async () => (await clusterOs(["shell", `m${other.number}`, "--", "id", USER])).exitCode === 0,
    );
    const ids = await asUser(other.number, "srun", "--chdir=/tmp", `--nodes=${NODES}`, "id", "--user");
    expect(ids.split("\n")).to.deep.equal(Array<string>(NODES).fill("2000"));
  });

  for (const [name, launcher] of [
    ["srun", ["srun", "--mpi=pmix", "--chdir=/tmp", `--nodes=${NODES}`, `--ntasks=${NODES}`]],
    ["mpirun", ["salloc", "--quiet", "--chdir=/tmp", `--nodes=${NODES}`, `--ntasks=${NODES}`, "mpirun"]],
  ] as const) {
    it(`an MPI program over all nodes, by ${name}`, async () => {
      const printed = await asUser(other.number, ...launcher, "python3", "-c", MPI_PROGRAM);
      expect(printed.split("\n").at(-1)).to.equal(`${NODES} ${NODES} ${(NODES * (NODES - 1)) / 2}`);
    });
  }

  it("Python's multiprocessing on every node of an allocation", async () => {
    const program =
      "from multiprocessing import Pool\nif __name__ == '__main__':\n  print(sum(Pool(2).map(abs, range(10))))";
    const printed = await asUser(
      other.number,
      "srun",
      "--chdir=/tmp",
      `--nodes=${NODES}`,
      "python3",
      "-c",
      program,
    );
    expect(printed.split("\n")).to.deep.equal(Array<string>(NODES).fill("45"));
  });

  it("what is not there is refused in SLURM's own words", async () => {
    const { exitCode, stderr } = await clusterOs([
      "shell",
      `m${other.number}`,
      "--",
      "srun",
      "--gres=gpu:1",
      "hostname",
    ]);
    expect(exitCode).not.to.equal(0);
    expect(stderr).to.match(/Requested node configuration is not available|Invalid generic resource/);
  });

  it("a restart of node-agent leaves slurmctld alone", async () => {
    const before = await slurmctld(controller.number);
    await onMachine(controller.number, "systemctl", "restart", "cluster-os-node-agent");
    // Longer than a lease: somebody vouches for it again.
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    expect(await slurmctld(controller.number)).to.equal(before);
  });

  it("a changed spec reaches slurmctld without a restart", async () => {
    const before = await slurmctld(controller.number);
    const extraConfiguration = [{ name: "MaxArraySize", value: "777" }];
    const patch = JSON.stringify({ spec: { extraConfiguration } });
    await must(["kubectl", "patch", "slurmcluster", "default", "--type=merge", "--patch", patch]);
    await timed("slurmctld has it", async () => {
      const args = ["shell", `m${other.number}`, "--", "scontrol", "show", "config"];
      return /MaxArraySize\s+= 777/.test((await clusterOs(args)).stdout);
    });
    expect(await slurmctld(controller.number)).to.equal(before);
  });

  describeShare(() => other, NODES);
  describeKeys(lab, NODES);
  describeRest(lab, () => other);

  for (const [name, unit] of [
    ["node-agent", "cluster-os-node-agent"],
    ["slurmctld and its fencer", "cluster-os-slurmctld"],
  ] as const) {
    it(`${name}, frozen for longer than the lease: slurmctld is gone before anything resumes`, async () => {
      const before = await slurmctld(controller.number);
      const signal = (which: string) =>
        onMachine(controller.number, "systemctl", "kill", `--signal=${which}`, unit);
      await signal("SIGSTOP");
      await timed("the end of slurmctld", async () => {
        const { exitCode, stdout } = await slurmctldOf(controller);
        return exitCode !== 0 || stdout.trim() !== before;
      });
      await signal("SIGCONT");
      await timed("another one", async () => {
        // It may be on another machine now.
        const { node } = (await slurmCluster()).status?.activeController ?? {};
        if (node !== undefined) controller = await machineOf(lab, node);
        other = await besides(controller);
        return node !== undefined && (await slurmctldOf(controller)).exitCode === 0;
      });
      await timed("all idle", async () => (await nodeStates(other.number))?.["idle"] === NODES);
    });
  }

  it("slurmctld that is killed comes back on its machine, and a running job does not notice", async () => {
    const id = (
      await onMachine(other.number, "sbatch", "--parsable", "--chdir=/tmp", "--wrap=sleep 30; echo done")
    ).trim();
    await timed("the job runs", async () => (await jobState(other, id)) === "RUNNING");
    await timed("its start is saved", () => isStartSaved(controller, id));
    await onMachine(controller.number, "pkill", "-KILL", "-x", "slurmctld");
    await timed("an answer", async () => (await jobState(other, id)) === "RUNNING");
    await timed("the job's end", async () => (await jobState(other, id)) === "COMPLETED");
  });

  it("the controller's machine loses its power: the next one has its jobs, with their ids", async () => {
    const at = await nodeNameOf(other.number);
    const held = await submit(other, "--hold", "--wrap=true");
    const running = await submit(other, `--nodelist=${at}`, "--wrap=sleep 900");
    await timed("it runs", async () => (await jobState(other, running)) === "RUNNING");
    await timed("its start is saved", () => isStartSaved(controller, running));
    await timed("another machine has that", () => isReplicated(controller, other));
    await must(["kill", String(controller.number)]);
    // It looks the lost machine's address up, keeps to it, and gives up after half a minute.
    const begun = submit(other, "--hold", "--wrap=true");
    // Awaited below, where nothing else fails first.
    begun.catch(() => undefined);
    await timed("the held job", async () => (await jobState(other, held)) === "PENDING");
    expect(await jobState(other, running)).to.equal("RUNNING");
    expect(Number(await begun)).to.be.above(Number(running));
    await timed("the REST API", () => answersRest(other));
    await must(["start", String(controller.number)]);
    await timed("all are there", async () => (await nodeStates(other.number))?.["idle"] === NODES - 1);
  });

  it("a cordoned controller's machine hands over, and nothing is lost", async () => {
    const { node: before = "" } = (await slurmCluster()).status?.activeController ?? {};
    const held = await submit(other, "--hold", "--wrap=true");
    await must(["kubectl", "cordon", before]);
    await timed("another controller", async () => {
      const { node } = (await slurmCluster()).status?.activeController ?? {};
      return node !== undefined && node !== before;
    });
    // Submitted in the moment before: only a slurmctld that ended in order has surely saved it.
    await timed("the job", async () => (await jobState(other, held)) === "PENDING");
    await must(["kubectl", "uncordon", before]);
  });
});

function slurmctldOf(machine: Machine): Promise<Ended> {
  return clusterOs(["shell", `m${machine.number}`, "--", "python3", "-c", SLURMCTLD_PROGRAM]);
}

/** slurmctld saves a start within some fifteen seconds, see libs/slurm/src/unsaved.ts: in a later second, to be sure. */
async function isStartSaved(controller: Machine, id: string): Promise<boolean> {
  const { jobs } = JSON.parse(
    await onMachine(controller.number, "scontrol", "show", "job", id, "--json"),
  ) as {
    readonly jobs: readonly { readonly start_time: { readonly number: number } }[];
  };
  const savedAt = await onMachine(controller.number, "stat", "--format=%Y", `${SLURM_STATE}/job_state`);
  return Number(savedAt) > (jobs[0]?.start_time.number ?? Number.POSITIVE_INFINITY);
}

/** Whether another machine has on its disk what the controller saved of its jobs last: blocks are named after what is in them. */
async function isReplicated(controller: Machine, other: Machine): Promise<boolean> {
  const [hash] = (await onMachine(controller.number, "sha256sum", `${SLURM_STATE}/job_state`)).split(" ");
  return (await onMachine(other.number, "find", SLURM_REPLICA, "-name", hash ?? "")) !== "";
}

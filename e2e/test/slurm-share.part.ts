import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, must } from "../src/cluster-os.ts";
import { timed } from "../src/scenario.ts";
import { nodeStates, onMachine, slurmCluster } from "../src/slurm.ts";

const GREEDY = "print(len(bytearray(2 ** 30)))";
/** There where systemd has the kernel hold a unit to its memory. On hosts with version 1 of control groups, lab machines' systemd does not. */
const HELD = "/sys/fs/cgroup/system.slice/slurmd.service/memory.max";

/** What jobs may use of a machine is held by its kernel. The machines of the lab have some gigabytes each. All nodes take jobs. */
export function describeShare(machine: () => Machine, nodes: number): void {
  const property = (name: string): Promise<string> =>
    onMachine(machine().number, "systemctl", "show", `--property=${name}`, "--value", "slurmd.service");
  const memoryMax = async (): Promise<number> => Number(await property("MemoryMax"));
  const isHeld = async (): Promise<boolean> =>
    (await clusterOs(["shell", machine().name, "--", "test", "-e", HELD])).exitCode === 0;
  const greedy = async () => {
    const node = await onMachine(machine().number, "hostname");
    const command = ["srun", "--immediate=60", "--chdir=/tmp", `--nodelist=${node}`, "python3", "-c", GREEDY];
    return clusterOs(["shell", machine().name, "--", ...command]);
  };

  it("the share of jobs is a limit of slurmd's unit, in which they run, and follows the spec", async function () {
    const before = memoryPercentOf((await slurmCluster()).spec);
    const bytes = await memoryMax();
    await share(1);
    try {
      await timed("a smaller limit", async () => (await memoryMax()) < bytes / 10);
      await timed("all idle", async () => (await nodeStates(machine().number))?.["idle"] === nodes);
      if (await isHeld()) await endsTheGreedyAlone();
      else console.log("        (not seen to hold: systemd on these machines has no memory controller)");
    } finally {
      await share(before);
    }
    await timed("the limit of before", async () => (await memoryMax()) === bytes);
    await timed("all idle", async () => (await nodeStates(machine().number))?.["idle"] === nodes);
    expect((await greedy()).stdout.trim()).to.equal(String(2 ** 30));
  });

  async function endsTheGreedyAlone(): Promise<void> {
    expect(await memoryMax()).to.be.lessThan(2 ** 30);
    const slurmd = await property("MainPID");
    const { exitCode, stdout } = await greedy();
    expect(exitCode).not.to.equal(0);
    expect(stdout).to.equal("");
    await onMachine(machine().number, "srun", "--chdir=/tmp", `--nodes=${nodes}`, "true");
    expect(await property("MainPID")).to.equal(slurmd);
  }
}

/** Undefined: what the schema says. */
async function share(memoryPercent: number | undefined): Promise<void> {
  const patch = JSON.stringify({ spec: { resources: { memoryPercent: memoryPercent ?? null } } });
  await must(["kubectl", "patch", "slurmcluster", "default", "--type=merge", "--patch", patch]);
}

function memoryPercentOf(spec: unknown): number | undefined {
  return (spec as { readonly resources?: { readonly memoryPercent?: number } } | undefined)?.resources
    ?.memoryPercent;
}

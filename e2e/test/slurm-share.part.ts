import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, must } from "../src/cluster-os.ts";
import { timed } from "../src/scenario.ts";
import { nodeStates, onMachine, slurmCluster } from "../src/slurm.ts";

const GREEDY = "print(len(bytearray(2 ** 30)))";

/** There where systemd has the kernel hold a unit to its memory. On hosts with version 1 of control groups, lab machines' systemd does not. */
const HELD = "/sys/fs/cgroup/system.slice/slurmd.service/memory.max";

/** What jobs may use of a machine is held by its kernel. The machines of the lab have some gigabytes each. */
export function describeShare(machine: () => Machine, nodes: number): void {
  describe("the share of jobs", () => {
    let before = 75;

    after(() => share(before));

    it("a changed one is a limit of slurmd's unit, in which jobs run, on every machine", async () => {
      before = memoryPercentOf((await slurmCluster()).spec) ?? before;
      const bytes = await memoryMax();
      await share(1);
      await timed("a smaller limit", async () => (await memoryMax()) < bytes / 10);
    });

    it("a job that takes more memory ends; slurmd, and the next job, do not", async function () {
      if (!(await isHeld())) {
        console.log("        (skipped: systemd on these machines has no memory controller)");
        return this.skip();
      }
      await timed("all idle", async () => (await nodeStates(machine().number))?.["idle"] === nodes);
      expect(await memoryMax()).to.be.lessThan(2 ** 30);
      const slurmd = await mainPid();
      const { exitCode, stdout } = await greedy();
      expect(exitCode).not.to.equal(0);
      expect(stdout).to.equal("");
      expect(await onMachine(machine().number, "srun", "--chdir=/tmp", `--nodes=${nodes}`, "true")).to.equal(
        "",
      );
      expect(await mainPid()).to.equal(slurmd);
    });

    it("and has it where the share is large enough", async () => {
      await share(before);
      await timed("the job's memory", async () => (await greedy()).stdout.trim() === String(2 ** 30));
    });

    const isHeld = async (): Promise<boolean> =>
      (await clusterOs(["shell", machine().name, "--", "test", "-e", HELD])).exitCode === 0;
    const memoryMax = async (): Promise<number> => Number(await property("MemoryMax"));
    const mainPid = (): Promise<string> => property("MainPID");
    const property = (name: string): Promise<string> =>
      onMachine(machine().number, "systemctl", "show", `--property=${name}`, "--value", "slurmd.service");
    const greedy = async () => {
      const node = await onMachine(machine().number, "hostname");
      const command = ["srun", "--chdir=/tmp", `--nodelist=${node}`, "python3", "-c", GREEDY];
      return clusterOs(["shell", machine().name, "--", ...command]);
    };
  });
}

async function share(memoryPercent: number): Promise<void> {
  const patch = JSON.stringify({ spec: { resources: { memoryPercent } } });
  await must(["kubectl", "patch", "slurmcluster", "default", "--type=merge", "--patch", patch]);
}

function memoryPercentOf(spec: unknown): number | undefined {
  return (spec as { readonly resources?: { readonly memoryPercent?: number } } | undefined)?.resources
    ?.memoryPercent;
}

import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, kubectlJson, must } from "../src/cluster-os.ts";
import { timed } from "../src/scenario.ts";
import { nodeStates, onMachine, slurmCluster } from "../src/slurm.ts";

const GREEDY = "print(len(bytearray(2 ** 30)))";
const MIB = 2 ** 20;
/** The kubelet's evictionHard: of what it has, that much no pod is promised. */
const KEPT_FREE_MIB = 100;
/** What the kernel holds all pods together to, in either version of control groups and whoever makes these. */
const PODS_LIMIT =
  "cat /sys/fs/cgroup/kubepods*/memory.max 2> /dev/null || cat /sys/fs/cgroup/memory/kubepods*/memory.limit_in_bytes";
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

  it("the rest is what pods may have, by the scheduler's word and by the kernel's, and follows the spec", async function () {
    const before = memoryPercentOf((await slurmCluster()).spec);
    const name = await onMachine(machine().number, "hostname");
    const isTold = async (): Promise<boolean> => {
      const jobsMib = (await memoryMax()) / MIB;
      const { capacity, allocatable } = await resourcesOf(name);
      const limit = Number(await onMachine(machine().number, "sh", "-c", PODS_LIMIT)) / MIB;
      return (
        isNear(allocatable.memoryMib, capacity.memoryMib - jobsMib - KEPT_FREE_MIB) &&
        isNear(limit, capacity.memoryMib - jobsMib)
      );
    };
    await timed("the kubelet has been told", isTold);
    const { capacity, allocatable } = await resourcesOf(name);
    expect(allocatable.cpus).to.be.within(1, capacity.cpus - 1);
    await fitsNowhere(Math.ceil(capacity.memoryMib / 2));
    const restarts = await restartsOn(name);
    await share(1);
    try {
      await timed("a smaller share of jobs", async () => {
        const { allocatable: now } = await resourcesOf(name);
        return now.memoryMib > capacity.memoryMib * 0.9 && (await isTold());
      });
    } finally {
      await share(before);
    }
    await timed("the share of before", async () => {
      const { allocatable: now } = await resourcesOf(name);
      return now.memoryMib === allocatable.memoryMib && (await isTold());
    });
    expect(await restartsOn(name), "containers that were started anew").to.equal(restarts);
    await timed("all idle", async () => (await nodeStates(machine().number))?.["idle"] === nodes);
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

interface Resources {
  readonly cpus: number;
  readonly memoryMib: number;
}

async function resourcesOf(
  name: string,
): Promise<{ readonly capacity: Resources; readonly allocatable: Resources }> {
  type Quantities = Readonly<Record<"cpu" | "memory", string>>;
  const { status } = await kubectlJson<{
    readonly status: { readonly capacity: Quantities; readonly allocatable: Quantities };
  }>("get", "node", name);
  const read = ({ cpu, memory }: Quantities): Resources => ({
    cpus: Number(cpu),
    memoryMib: Number.parseInt(memory, 10) / 1024,
  });
  return { capacity: read(status.capacity), allocatable: read(status.allocatable) };
}

/** SLURM counts whole mebibytes, and the kernel whole pages. */
function isNear(oneMib: number, otherMib: number): boolean {
  return Math.abs(oneMib - otherMib) < 2;
}

/** A pod that asks for so much, and would be placed if jobs had no share of any machine. */
async function fitsNowhere(memoryMib: number): Promise<void> {
  const pod = "beyond-the-rest";
  const requests = { memory: `${memoryMib}Mi` };
  const spec = { containers: [{ name: "greedy", image: "registry.local/none", resources: { requests } }] };
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace: "default" }, spec };
  await must(["kubectl", "apply", "--filename=-"], { input: JSON.stringify(object) });
  try {
    let message = "";
    await timed("the scheduler's word", async () => {
      const { status } = await kubectlJson<{
        readonly status: {
          readonly conditions?: readonly { readonly type: string; readonly message?: string }[];
        };
      }>("get", "pod", pod);
      message = status.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "";
      return message !== "";
    });
    expect(message).to.include("Insufficient memory");
  } finally {
    await must(["kubectl", "delete", "pod", pod, "--wait=false"]);
  }
}

/** How often containers of a node's pods were started anew. */
async function restartsOn(name: string): Promise<number> {
  const { items } = await kubectlJson<{
    readonly items: readonly {
      readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
    }[];
  }>("get", "pods", "--all-namespaces", `--field-selector=spec.nodeName=${name}`);
  return items
    .flatMap(({ status }) => status.containerStatuses ?? [])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

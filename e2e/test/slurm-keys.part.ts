import type { Lab, Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { must } from "../src/cluster-os.ts";
import { machineOf } from "../src/machines.ts";
import { nodeNameOf } from "../src/nodes.ts";
import { timed } from "../src/scenario.ts";
import { exchange, haveKey } from "../src/slurm-keys.ts";
import { jobState, nodeStates, onMachine, slurmCluster, submit } from "../src/slurm.ts";

const KEY = "/etc/munge/munge.key";

/** The key that signs SLURM's messages, exchanged while jobs run. SLURM takes jobs on all machines of `lab`, and nothing else runs. */
export function describeKeys(lab: Lab, nodes: number): void {
  it("munge's key is exchanged on every machine at one instant, and a running job does not notice", async () => {
    const [first] = await lab.machines();
    const machine = first ?? expect.fail("no machine");
    const before = await keysOf(await lab.machines());
    const job = await submit(machine, `--nodes=${nodes}`, "--wrap=srun sleep 600");
    await timed("the job runs", async () => (await jobState(machine, job)) === "RUNNING");
    await exchange("a test");
    const after = await keysOf(await lab.machines());
    expect(after).to.have.length(1).and.not.include(before[0]);
    expect(await jobState(machine, job)).to.equal("RUNNING");
    await onMachine(machine.number, "scancel", job);
    await timed("the job's end", async () => (await jobState(machine, job)) === "CANCELLED");
    const hosts = await onMachine(machine.number, "srun", `--nodes=${nodes}`, "hostname");
    expect(new Set(hosts.split("\n")).size).to.equal(nodes);
  });

  it("the key belongs to munge, and nobody else reads it", async () => {
    for (const { number } of await lab.machines())
      expect(await onMachine(number, "stat", "--format=%a %U:%G", KEY)).to.equal("400 munge:munge");
  });

  it("the key is on a machine that was away, and it takes jobs", async () => {
    const controller = await machineOf(lab, (await slurmCluster()).status?.activeController?.node ?? "");
    const away =
      (await lab.machines()).find(({ number }) => number !== controller.number) ?? expect.fail("one only");
    const name = await nodeNameOf(away.number);
    await must(["kill", away.name]);
    const generation = await exchange("another test", { away: name }).finally(() =>
      must(["start", away.name]),
    );
    await timed("it has the key", () => haveKey(generation));
    expect(await keysOf(await lab.machines())).to.have.length(1);
    await timed("it takes jobs again", async () => {
      if ((await nodeStates(controller.number))?.["idle"] !== nodes) return false;
      const { exitCode, stdout } = await away.exec([
        "srun",
        `--nodes=${nodes}`,
        "--immediate=20",
        "hostname",
      ]);
      return exitCode === 0 && new Set(stdout.trim().split("\n")).size === nodes;
    });
  });
}

/** Digests of the machines' keys, each once. */
async function keysOf(machines: readonly Machine[]): Promise<readonly string[]> {
  const sums = await Promise.all(machines.map(({ number }) => onMachine(number, "sha256sum", KEY)));
  return [...new Set(sums)];
}

import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { BLOCKS_FOLDER } from "@cluster-os/replication";
import { Cluster } from "./support/cluster.ts";
import { LAST_JOB, type Machine } from "./support/machine.ts";

const [A, B, C, D] = ["n-aaaaaaaaaa", "n-bbbbbbbbbb", "n-cccccccccc", "n-dddddddddd"] as const;

/** Three machines, of which the first runs slurmctld with these jobs, saved by a majority. */
async function running(jobs: readonly number[] = [1, 2, 3]): Promise<Cluster> {
  const cluster = await Cluster.open([A, B, C]);
  await cluster.runs(A);
  cluster.tell({ mayFound: false });
  for (const job of jobs) cluster.of(A).slurmctld?.submit(job);
  await cluster.saved(A);
  return cluster;
}

const problemOf = (machine: Machine): string => machine.agent?.role.report()?.slurmd?.message ?? "";

describe("slurm: the controller's state over loopback TLS", function () {
  this.timeout(120_000);

  it("a controller's machine is lost, and the next one begins with all its files", async () => {
    await using cluster = await running();
    await cluster.of(A).lose();
    cluster.elect(B);
    await cluster.runs(B);
    expect(cluster.of(B).slurmctld?.jobs).to.deep.equal([1, 2, 3]);
    expect(cluster.of(B).acts).to.deep.equal(["apply-config", "use-token-key", "start-controller"]);
  });

  it("a holder without a majority does not start slurmctld, says so, and does when there is one", async () => {
    await using cluster = await running();
    await cluster.of(A).lose();
    await cluster.of(C).lose();
    cluster.elect(B);
    await cluster.until("a word about it", () => problemOf(cluster.of(B)).includes("replicas can answer"));
    expect(cluster.of(B).acts).not.to.include("start-controller");
    cluster.of(C).startAgent();
    await cluster.runs(B);
    expect(cluster.of(B).slurmctld?.jobs).to.deep.equal([1, 2, 3]);
  });

  it("a planned move loses nothing: what slurmctld saves at its end, and nobody noticed, is there", async () => {
    await using cluster = await running();
    cluster.of(A).slurmctld?.submit(4);
    cluster.tell({ isReleaseWanted: true });
    await cluster.until("the Lease given back", () => cluster.lease.holder === undefined);
    // At once: nothing has to come from the old machine any more.
    await cluster.of(A).lose();
    cluster.elect(C);
    await cluster.runs(C);
    expect(cluster.of(C).slurmctld?.jobs).to.deep.equal([1, 2, 3, 4, LAST_JOB]);
  });

  it("a stale copy is not gone on from, though its machine is named", async () => {
    await using cluster = await running([1]);
    await cluster.of(B).lose();
    for (const job of [2, 3]) cluster.of(A).slurmctld?.submit(job);
    await cluster.saved(A);
    await cluster.of(A).lose();
    cluster.of(B).startAgent();
    cluster.elect(B);
    await cluster.runs(B);
    expect(cluster.of(B).slurmctld?.jobs).to.deep.equal([1, 2, 3]);
  });

  it("nor a damaged one", async () => {
    await using cluster = await running();
    const positionOn = (name: string): number | undefined => {
      const state = cluster.of(name).agent?.state.observe();
      return state?.kind === "open" ? state.status.report.position?.sequence : undefined;
    };
    // A majority has it, of which one is lost and one damaged here: the third has to have it, too.
    await cluster.until("all on every machine", () => {
      const saved = positionOn(A);
      return saved !== undefined && [B, C].every((name) => positionOn(name) === saved);
    });
    await cluster.of(C).lose();
    damage(cluster.of(C).store);
    await cluster.of(A).lose();
    cluster.of(C).startAgent();
    cluster.elect(C);
    await cluster.runs(C);
    expect(cluster.of(C).slurmctld?.jobs).to.deep.equal([1, 2, 3]);
  });

  it("a restart of node-agent touches nothing, and what was written meanwhile is kept", async () => {
    await using cluster = await running();
    const a = cluster.of(A);
    const before = { slurmctld: a.slurmctld, inode: statSync(a.directory).ino, acts: a.acts.length };
    await a.stopAgent();
    a.slurmctld?.submit(4);
    a.startAgent();
    await cluster.until("its copy to be led again", () => {
      const state = a.agent?.state.observe();
      return state?.kind === "open" && state.status.role.kind === "leader";
    });
    await cluster.saved(A);
    const after = { slurmctld: a.slurmctld, inode: statSync(a.directory).ino, acts: a.acts.length };
    expect(after).to.deep.equal(before);
    await a.lose();
    cluster.elect(B);
    await cluster.runs(B);
    expect(cluster.of(B).slurmctld?.jobs).to.deep.equal([1, 2, 3, 4]);
  });

  it("the set becomes another one, and the machine that is told nothing keeps what it has", async () => {
    await using cluster = await Cluster.open([A, B, C, D], 3);
    await cluster.runs(A);
    cluster.of(A).slurmctld?.submit(1);
    await cluster.saved(A);
    cluster.tell({ replicas: [A, B, D], mayFound: false });
    const members = () => cluster.of(A).agent?.state.observe();
    await cluster.until("the new set", () => {
      const state = members();
      return state?.kind === "open" && state.status.report.replicas?.join() === [A, B, D].join();
    });
    await cluster.saved(A);
    await cluster.of(A).lose();
    cluster.elect(D);
    await cluster.runs(D);
    expect(cluster.of(D).slurmctld?.jobs).to.deep.equal([1]);
    expect(cluster.of(C).agent?.state.observe().kind).to.equal("open");
  });
});

/** Every block of a store is something else of the same length. */
function damage(store: string): void {
  for (const entry of readdirSync(join(store, BLOCKS_FOLDER), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) writeFileSync(path, Buffer.alloc(statSync(path).size, 7));
  }
}

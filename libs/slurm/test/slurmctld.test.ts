import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJobs, parseNodes, planRepeats, renderConfig } from "@cluster-os/slurm";
import { expect } from "chai";
import { execa } from "execa";
import { MIXED, RICH } from "./fixtures.ts";
import { findTree } from "./tree.ts";

const SCRIPT = join(import.meta.dirname, "slurmctld.sh");

describe("the real slurmctld", function () {
  this.timeout(240_000);
  let folder: string | undefined;
  const seen = (name: string): Promise<string> => readFile(join(folder ?? "", "seen", name), "utf8");

  before(async function () {
    const found = await findTree();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "slurmctld-"));
    // As rich as can be without a database: there is none here. Its signer needs no munge, which `first` shows.
    const { database: _, ...second } = {
      ...RICH,
      auth: "munge",
      clusterName: "cluster",
      rest: { enabled: false },
    };
    const configurations = {
      first: {},
      second,
      bad: { extraConfiguration: [{ name: "SchedulerType", value: "sched/nonsense" }] },
    };
    for (const [name, spec] of Object.entries(configurations)) {
      await mkdir(join(folder, name));
      for (const [file, text] of Object.entries(renderConfig("default", spec, MIXED).files))
        await writeFile(join(folder, name, file), text);
    }
    // As the first process of its namespace it would not hear anything softer.
    await execa(SCRIPT, [found.tree, folder], { timeout: 200_000, killSignal: "SIGKILL" });
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it("reads what is rendered without an error of its own", async () => {
    const errors = (await seen("slurmctld.log")).split("\n").filter((line) => /error|fatal/.test(line));
    // Its first start, without mail and accounts; the machines of the topology are not there yet; and this machine has other work.
    const known =
      /MailProg|Job accounting information gathered|_find_node_record|state (save )?file|High latency/;
    expect(errors.filter((line) => !known.test(line))).to.deep.equal([]);
  });

  it("has the parameters that were rendered", async () => {
    const config = await seen("config");
    for (const [name, value] of [
      ["AuthType", "auth/munge"],
      ["ClusterName", "cluster"],
      ["GresTypes", "gpu"],
      ["MaxNodeCount", "4096"],
      ["MpiDefault", "pmix"],
      ["SlurmctldParameters", "enable_configless"],
    ])
      expect(config).to.match(new RegExp(`^${name}\\s+= ${value}$`, "m"));
  });

  it("a node without a line registers, and is of the partition by its feature once there is one", async () => {
    expect(await seen("partitions"))
      .to.match(/PartitionName=all .*Nodes=n-a/)
      .and.not.contain("PartitionName=gpu");
    expect(await seen("partitions-after")).to.match(/PartitionName=gpu .*Nodes=n-a /);
  });

  it("another configuration is taken by the same process, and jobs stay", async () => {
    expect((await seen("process")).trim()).to.equal("same");
    expect(await seen("states-after"))
      .to.contain("RUNNING")
      .and.contain("PENDING");
  });

  it("tells of its jobs as it is asked for them", async () => {
    const { counts, running } = parseJobs(await seen("jobs.txt"));
    expect(counts).to.deep.equal({ running: 1, pending: 1 });
    expect(running[0]?.startedAt).to.be.within(Date.now() / 1000 - 600, Date.now() / 1000);
  });

  it("refuses what it cannot run with, in words", async () => {
    expect(await seen("refused"))
      .to.contain("cannot find sched plugin for sched/nonsense")
      .and.not.contain("accepted");
  });

  it("says clearly that there is no GPU", async () => {
    expect(await seen("gpu")).to.contain("Requested node configuration is not available");
  });

  it("that went on from before a start drains the node and holds the job, and is told how to go on", async () => {
    const nodes = parseNodes(await seen("nodes-refused.json"));
    const queue = parseJobs(await seen("jobs-refused.txt"));
    expect(planRepeats(nodes, queue, []).map(({ kind }) => kind)).to.deep.equal(["release", "resume"]);
  });
});

import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, LAB, must } from "../src/cluster-os.ts";
import { findParts } from "../src/machines.ts";
import { clusterNodes, etcdVoters, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const FOLDER = "/var/lib/cluster-os/snapshots";

describe("a control plane that begins anew from a snapshot that only a worker keeps", function () {
  this.timeout(6 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let survivor: Machine;
  let worker: Machine;
  let lost: readonly Machine[];
  let snapshot = "";

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    const parts = await findParts(lab);
    worker = parts.worker;
    [survivor, ...lost] = parts.servers as [Machine, ...Machine[]];
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("the surviving server has no snapshot of its own, and the worker has one", async () => {
    await timed("a copy of the first snapshot", async () => {
      const { exitCode, stdout } = await survivor.exec(["ls", FOLDER]);
      snapshot = /^([0-9TZ]+)\.snapshot$/m.exec(stdout)?.[1] ?? "";
      return exitCode === 0 && snapshot !== "";
    });
    await must(["kubectl", "create", "configmap", "after-the-snapshot"]);
    const file = `${FOLDER}/${snapshot}.snapshot`;
    const content = Buffer.from((await survivor.run(["base64", "--wrap=0", file])).trim(), "base64");
    await worker.run(["mkdir", "--parents", "--mode=0700", FOLDER]);
    await worker.run(["dd", `of=${file}`, "status=none"], { stdin: content });
    for (const { name } of lost) await must(["kill", name]);
    await survivor.run(["rm", "--recursive", FOLDER]);
  });

  it("recover says who keeps it, and names what there is where it is asked for another", async () => {
    const workerName = await nodeNameOf(worker.number);
    await timed("it would be done", async () => {
      const { stdout } = await clusterOs(["recover", survivor.name, "--from", snapshot]);
      return stdout.includes(`(kept by ${workerName})`);
    });
    const { exitCode, stdout } = await clusterOs(["recover", survivor.name, "--from", "20200101T000000Z"]);
    expect(exitCode).to.equal(1);
    expect(stdout).to.include(`${snapshot} (kept by ${workerName})`);
  });

  it("it is fetched, and the API is what it was then", async () => {
    expect(await must(["recover", survivor.name, "--from", snapshot, "--yes"])).to.include("begun anew");
    await timed("the API writes", async () => {
      const { exitCode } = await clusterOs(["kubectl", "create", "configmap", "after-the-recovery"]);
      return exitCode === 0;
    });
    const later = await clusterOs(["kubectl", "get", "configmap", "after-the-snapshot"]);
    expect(later.stderr).to.include("NotFound");
    expect(await etcdVoters(survivor.number)).to.have.length(1);
    expect(await survivor.run(["ls", FOLDER])).to.include(snapshot);
  });

  it("the lost ones return, and all is well", async () => {
    for (const { name } of lost) await must(["start", name]);
    await timed("all are Ready", async () => {
      const nodes = await clusterNodes();
      return nodes.length === 4 && nodes.every(isReady);
    });
    await timed("three voters", async () => (await etcdVoters(survivor.number)).length === 3, 5 * MINUTE_MS);
  });
});

import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { labOptionsFrom, machineSizeFrom } from "../src/artifacts.ts";
import { findDebs } from "../src/drivers/artifact-files.ts";

describe("labOptionsFrom", () => {
  it("takes name and place from the environment, and nothing empty", () => {
    expect(labOptionsFrom({ CLUSTER_OS_LAB: "ci", CLUSTER_OS_LAB_DIR: "/srv/labs" })).to.deep.equal({
      name: "ci",
      stateFolder: "/srv/labs",
    });
    expect(labOptionsFrom({ CLUSTER_OS_LAB: "" })).to.deep.equal({});
  });
});

describe("machineSizeFrom", () => {
  it("emulates unless KVM is asked for by name", () => {
    expect(machineSizeFrom({})).to.deep.equal({ memoryMib: 2048, processors: 2, accelerator: "tcg" });
    expect(
      machineSizeFrom({ CLUSTER_OS_VM_MEMORY: "4096", CLUSTER_OS_VM_CPUS: "4", CLUSTER_OS_VM_ACCEL: "kvm" }),
    ).to.deep.equal({ memoryMib: 4096, processors: 4, accelerator: "kvm" });
  });
  for (const env of [
    { CLUSTER_OS_VM_MEMORY: "2G" },
    { CLUSTER_OS_VM_CPUS: "0" },
    { CLUSTER_OS_VM_ACCEL: "kvm:tcg" },
  ]) {
    it(`refuses ${JSON.stringify(env)}`, () => {
      expect(() => machineSizeFrom(env)).to.throw(/CLUSTER_OS_VM_/);
    });
  }
});

describe("findDebs", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lab-debs-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("gives the newest of each package, Kubernetes first", async () => {
    const files = [
      "cluster-os_0.1.0_amd64.deb",
      "cluster-os_0.2.0_amd64.deb",
      "cluster-os-kubernetes_0.1.0_amd64.deb",
      "cluster-os-slurm_0.1.0_amd64.deb",
    ];
    for (const [index, name] of files.entries()) {
      await writeFile(join(folder, name), "");
      await utimes(join(folder, name), index, index);
    }
    const found = async (withSlurm: boolean) =>
      (await findDebs(folder, withSlurm)).map((path) => path.slice(folder.length + 1));
    expect(await found(false)).to.deep.equal([files[2], files[1]]);
    expect(await found(true)).to.deep.equal([files[2], files[1], files[3]]);
  });

  it("says how to build what is missing", async () => {
    const error = await findDebs(folder, false).catch((caught: unknown) => caught);
    expect(String(error)).to.include("there is no cluster-os-kubernetes package").and.include("make node");
  });
});

import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { labOptionsFrom } from "../src/artifacts.ts";
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
    ];
    for (const [index, name] of files.entries()) {
      await writeFile(join(folder, name), "");
      await utimes(join(folder, name), index, index);
    }
    const found = await findDebs(folder);
    expect(found.map((path) => path.slice(folder.length + 1))).to.deep.equal([files[2], files[1]]);
  });

  it("says how to build what is missing", async () => {
    const error = await findDebs(folder).catch((caught: unknown) => caught);
    expect(String(error)).to.include("there is no cluster-os-kubernetes package").and.include("make node");
  });
});

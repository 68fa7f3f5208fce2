import { expect } from "chai";
import { files, projects, read } from "./workspace.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly description?: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const rootVersion = (JSON.parse(read("package.json")) as Manifest).version;

describe("projects", () => {
  it("are all looked at by tsc --build at the root", () => {
    const { references } = JSON.parse(read("tsconfig.json")) as {
      readonly references: readonly { path: string }[];
    };
    expect(references.map(({ path }) => path)).to.have.members(projects);
  });

  for (const folder of projects) {
    it(`${folder} says who it is, and has tests`, () => {
      const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
      expect(manifest.name).to.equal(`@cluster-os/${folder.split("/").at(-1)}`);
      expect(manifest.version).to.equal(rootVersion);
      expect(manifest.license).to.equal("Apache-2.0");
      expect(manifest.description ?? "").to.match(/\w.*\.$/);
      expect(files.some((file) => file.startsWith(`${folder}/`) && file.endsWith(".test.ts"))).to.equal(true);
    });

    it(`${folder} exports sources that are there`, () => {
      const { exports = {} } = JSON.parse(read(`${folder}/package.json`)) as Manifest;
      const sources = Object.values(exports).map(
        (entry) => `${folder}/${entry["@cluster-os/source"]?.slice(2)}`,
      );
      expect(sources.filter((source) => !files.includes(source))).to.deep.equal([]);
    });
  }
});

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { POD_PROGRAMS } from "../deb/bundle.ts";
import { debianTree } from "../deb/parts.ts";
import { buildOperatorsImage, CONTAINERFILE } from "./operators.ts";

interface ImageConfig {
  readonly User: string;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** The instructions of the Containerfile with their arguments, lines that go on joined. */
async function instructions(): Promise<readonly (readonly [string, string])[]> {
  const text = (await readFile(CONTAINERFILE, "utf8")).replaceAll(/\\\n\s*/g, "");
  return text
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => [line.split(" ", 1)[0] as string, line.slice(line.indexOf(" ") + 1)]);
}

describe("the operators' image", function () {
  this.timeout(300_000);
  let folder: string;
  let files: readonly string[];
  let owners: readonly string[];
  let config: ImageConfig;
  let wanted: readonly (readonly [string, string])[];

  before(async function () {
    const { exitCode } = await execa("buildah", ["--version"], { reject: false });
    if (exitCode !== 0) {
      console.log("      skipped: there is no buildah; tools/deps/install.sh installs it");
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "operators-image-"));
    wanted = await instructions();
    const tree = await debianTree();
    const bundle = join(folder, "bundle");
    await mkdir(bundle);
    for (const program of POD_PROGRAMS) await writeFile(join(bundle, `${program}.js`), "// an operator\n");
    // Any program with libraries stands for Node here, which takes ten seconds to pack.
    const image = {
      bundle,
      node: join(tree, "usr/bin/env"),
      tree,
      reference: "registry.local/x/operators:1",
    };
    const first = await buildOperatorsImage({ ...image, file: join(folder, "first.tar") });
    const second = await buildOperatorsImage({ ...image, file: join(folder, "second.tar") });
    expect((await readFile(first)).equals(await readFile(second)), "two builds are the same bytes").to.equal(
      true,
    );
    const layout = join(folder, "layout");
    await mkdir(layout);
    await execa("tar", ["-xf", first, "-C", layout]);
    const blob = (digest: string): string => join(layout, "blobs/sha256", digest.slice("sha256:".length));
    const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));
    const index = (await json(join(layout, "index.json"))) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(index.manifests[0]?.annotations["io.containerd.image.name"]).to.equal(image.reference);
    const manifest = (await json(blob(index.manifests[0]?.digest as string))) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    config = ((await json(blob(manifest.config.digest))) as { config: ImageConfig }).config;
    const lists = await Promise.all(
      manifest.layers.map(({ digest }) => execa("tar", ["-tzvf", blob(digest), "--numeric-owner"])),
    );
    const lines = lists.flatMap(({ stdout }) => stdout.split("\n")).filter((line) => line !== "");
    files = lines.map((line) => (line.split(/\s+/)[5] as string).replace(/^\.?\/?/, "").replace(/\/$/, ""));
    owners = lines.map((line) => line.split(/\s+/)[1] as string);
  });
  after(() => folder && rm(folder, { recursive: true }));

  const argument = (name: string): string => wanted.find(([word]) => word === name)?.[1] ?? "";

  it("is what its Containerfile says", () => {
    expect(argument("FROM")).to.equal("scratch");
    expect(config.User).to.equal(argument("USER"));
    expect(config.WorkingDir).to.equal(argument("WORKDIR"));
    expect(config.Entrypoint).to.deep.equal(JSON.parse(argument("ENTRYPOINT")));
    expect(Object.keys(config.ExposedPorts)).to.deep.equal([`${argument("EXPOSE")}/tcp`]);
    const labels = [...argument("LABEL").matchAll(/(\S+)="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(config.Labels).to.include(Object.fromEntries(labels) as Record<string, string>);
    expect(wanted.filter(([word]) => word === "COPY").map(([, text]) => text.split(" "))).to.deep.equal([
      ["runtime/", "/"],
      ["app/", "/usr/lib/cluster-os/"],
    ]);
  });

  it("runs nothing when it is built", () => {
    expect(wanted.map(([word]) => word)).to.not.include.oneOf(["RUN", "ADD", "ONBUILD"]);
  });

  it("starts as a user that is not root, by number", () => {
    expect(config.User).to.match(/^[1-9][0-9]*:[1-9][0-9]*$/);
  });

  it("holds the program, its libraries and the bundle, all of them root's, and no shell", () => {
    const scripts = POD_PROGRAMS.map((program) => join(config.WorkingDir, `${program}.js`));
    for (const path of [...config.Entrypoint, ...scripts, "/usr/lib/x86_64-linux-gnu/libc.so.6"]) {
      expect(files).to.include(path.slice(1));
    }
    expect(files.filter((path) => /\/(ba|da)?sh$/.test(path))).to.deep.equal([]);
    expect([...new Set(owners)]).to.deep.equal(["0/0"]);
  });
});

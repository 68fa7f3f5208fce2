/**
 * Builds the container image of a node from the packages in dist/, as a tarball for `docker load` and `podman load`:
 *
 *     node tools/images/build-node.ts [--out FILE]
 *
 * Needs root and buildah. Kept by content: a second call with the same packages takes no time.
 */
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { CACHE, REPOSITORY } from "../deb/args.ts";
import { kept, keyOf, keyOfFiles } from "../deb/kept.ts";
import { buildNodeImage, NODE_CONTEXT } from "./node.ts";

const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = resolve(values.out ?? join(REPOSITORY, "dist/cluster-os-node.tar"));
const { version } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8")) as {
  version: string;
};

const dist = join(REPOSITORY, "dist");
const packages = ["cluster-os-kubernetes", "cluster-os", "cluster-os-slurm"].map(
  (name) => `${name}_${version}_amd64.deb`,
);
const there = await readdir(dist).catch((): string[] => []);
const missing = packages.filter((name) => !there.includes(name));
if (missing.length > 0) {
  console.error(`there is no ${missing.join(", no ")} in dist/: build the packages first (make node)`);
  process.exit(1);
}
const paths = packages.map((name) => join(dist, name));
const { stdout } = await execa(join(REPOSITORY, "tools/root-tree/build.sh"), [], { stderr: "inherit" });
const tree = stdout.trim();
const own = [NODE_CONTEXT, join(import.meta.dirname, "node.ts")];
const key = keyOf(tree, version, await keyOfFiles(...paths, ...own));
const folder = await kept(join(CACHE, "node-image"), key, (draft) =>
  buildNodeImage({
    tree,
    packages: paths,
    reference: `localhost/cluster-os-node:${version}`,
    file: join(draft, "node.tar"),
  }),
);
await mkdir(dirname(out), { recursive: true });
await copyFile(join(folder, "node.tar"), out);
console.log(out);

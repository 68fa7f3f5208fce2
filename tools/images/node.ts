import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";

export const NODE_CONTEXT = join(import.meta.dirname, "../../infra/containers/node");

export interface NodeImageOptions {
  /** The Debian tree of the lab's machines. */
  readonly tree: string;
  /** The packages of Cluster-OS to install. */
  readonly packages: readonly string[];
  readonly reference: string;
  /** The tarball, for `docker load` and `podman load`. */
  readonly file: string;
}

/**
 * Builds the image of a whole node with buildah from its Containerfile: without a daemon and without a registry, in a
 * storage of its own that goes away. Needs root, since packages are installed.
 */
export async function buildNodeImage({ tree, packages, reference, file }: NodeImageOptions): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "cluster-os-node-"));
  try {
    const context = join(work, "context");
    await mkdir(join(context, "packages"), { recursive: true });
    // Hard links where the tree lies on the same file system: the build only reads them.
    const tried = await execa("cp", ["--archive", "--link", tree, join(context, "tree")], { reject: false });
    if (tried.failed) {
      await rm(join(context, "tree"), { recursive: true, force: true });
      await execa("cp", ["--archive", "--reflink=auto", tree, join(context, "tree")]);
    }
    await cp(join(NODE_CONTEXT, "root"), join(context, "root"), { recursive: true });
    for (const path of packages) await cp(path, join(context, "packages", basename(path)));
    await buildah(work, context, reference, file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function buildah(work: string, context: string, reference: string, file: string): Promise<void> {
  // One layer: what is copied in and removed again is not carried along.
  const store = ["--root", join(work, "store"), "--runroot", join(work, "run"), "--storage-driver", "vfs"];
  const how = ["--format", "docker", "--isolation", "chroot", "--layers=false", "--timestamp", "0"];
  const what = ["--tag", reference, "--file", join(NODE_CONTEXT, "Containerfile"), context];
  await execa("nice", ["buildah", ...store, "build", "--quiet", "--pull=never", ...how, ...what]);
  await execa("nice", [
    "buildah",
    ...store,
    "push",
    "--quiet",
    reference,
    `docker-archive:${file}:${reference}`,
  ]);
}

/** What `docker inspect` would say of an image in a tarball, as far as it is of interest here. */
export interface NodeImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Env: readonly string[];
  readonly StopSignal: string;
  readonly Volumes: Readonly<Record<string, object>>;
}

/** One file of an image. */
export interface ListedFile {
  /** As `ls` writes it, for example "-rw-------". */
  readonly mode: string;
  readonly bytes: number;
  /** Without the slash in front. */
  readonly path: string;
}

/** Reads a tarball from {@link buildNodeImage}. */
export async function readNodeImage(
  file: string,
  folder: string,
): Promise<{
  readonly config: NodeImageConfig;
  readonly files: readonly ListedFile[];
  readonly layer: string;
}> {
  await execa("tar", ["-xf", file, "-C", folder]);
  const [manifest] = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as {
    readonly Config: string;
    readonly Layers: readonly string[];
  }[];
  if (manifest?.Layers.length !== 1) throw new Error(`${file} does not hold one image of one layer`);
  const { config } = JSON.parse(await readFile(join(folder, manifest.Config), "utf8")) as {
    readonly config: NodeImageConfig;
  };
  const layer = join(folder, manifest.Layers[0] as string);
  const { stdout } = await execa("tar", ["-tvf", layer, "--numeric-owner"], { maxBuffer: 64 * 2 ** 20 });
  const files = stdout.split("\n").map((line): ListedFile => {
    const [mode = "", , bytes = "0", , , ...rest] = line.split(/\s+/);
    const [path = ""] = rest.join(" ").split(" -> ");
    return { mode, bytes: Number(bytes), path: path.replace(/^\.?\//, "").replace(/\/$/, "") };
  });
  return { config, files, layer };
}

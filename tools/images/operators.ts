import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { runtimeEntries } from "./debian-tree.ts";
import { packLayout, stageEntries, type Blob } from "./oci.ts";

export const CONTAINERFILE = join(import.meta.dirname, "../../infra/containers/operators/Containerfile");

export interface OperatorsImageOptions {
  /** The bundled operators: a folder with a file of each, and what they share. */
  readonly bundle: string;
  /** The program of Node. */
  readonly node: string;
  /** The Debian tree whose libraries the image takes. */
  readonly tree: string;
  readonly reference: string;
  /** The tarball, for `ctr images import`. */
  readonly file: string;
}

/**
 * Builds the operators' image with buildah from its Containerfile: without a daemon, without a registry, and without
 * running anything in it. Its storage is a folder of its own that goes away, so that nothing of the host's is used.
 * Same inputs, same bytes.
 */
export async function buildOperatorsImage(options: OperatorsImageOptions): Promise<string> {
  const { bundle, node, tree, reference, file } = options;
  const work = await mkdtemp(join(tmpdir(), "cluster-os-operators-"));
  try {
    const context = join(work, "context");
    const program = { kind: "file", source: node, destination: "usr/bin/node", mode: 0o755 } as const;
    await stageEntries([program, ...(await runtimeEntries(tree, node))], join(context, "runtime"));
    await mkdir(join(context, "app"), { recursive: true });
    await cp(bundle, join(context, "app"), { recursive: true });
    const layout = join(work, "layout");
    await buildah(work, context, reference, layout);
    return await packLayout(layout, await manifestOf(layout), [reference], file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function buildah(work: string, context: string, reference: string, layout: string): Promise<void> {
  // vfs copies whole layers, and needs nothing of the kernel; there are only three.
  const store = ["--root", join(work, "store"), "--runroot", join(work, "run"), "--storage-driver", "vfs"];
  const how = ["--format", "oci", "--isolation", "chroot", "--layers", "--timestamp", "0"];
  const what = ["--tag", reference, "--file", CONTAINERFILE, context];
  await execa("buildah", [...store, "build", "--quiet", "--pull=never", ...how, ...what]);
  const push = ["push", "--quiet", "--format", "oci"];
  await execa("buildah", [...store, ...push, reference, `oci:${layout}:image`]);
}

/** The one manifest of a layout that buildah wrote. */
async function manifestOf(layout: string): Promise<Blob> {
  const { manifests } = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as {
    readonly manifests: readonly Blob[];
  };
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length !== 1) throw new Error(`${layout} does not hold one image`);
  return { digest: manifest.digest, size: manifest.size };
}

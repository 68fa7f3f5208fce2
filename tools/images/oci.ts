import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import type { ImageDescription, ImageEntry } from "./image.ts";

/** What makes two runs give the same bytes: order, time, owner and format are all fixed. */
const REPRODUCIBLE = [
  "--sort=name",
  "--mtime=@0",
  "--owner=0",
  "--group=0",
  "--numeric-owner",
  "--format=gnu",
];

/**
 * Writes an image as an OCI image layout (image-spec v1.1) in a tarball, `FOLDER/NAME.tar`, which `ctr images import`
 * takes. Layers are not compressed: the package that carries the tarball is, and an import spares the unpacking. The
 * index comes early in the tarball, so that it can be read without reading the layers. Returns the path.
 */
export async function writeImage(image: ImageDescription, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, `.${image.name}-`));
  try {
    const layout = join(work, "layout");
    await mkdir(join(layout, "blobs/sha256"), { recursive: true });
    const layer = await addLayer(image.entries, work, layout);
    const config = await addBlob(layout, {
      architecture: "amd64",
      os: "linux",
      config: {
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        ...(image.entrypoint && { Entrypoint: image.entrypoint }),
      },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
      history: [{ created_by: "cluster-os tools/images" }],
    });
    const manifest = await addBlob(layout, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
    });
    return await packLayout(layout, manifest, image.references, join(folder, `${image.name}.tar`));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Packs a layout's blobs as `file`, with an index in which `manifest` has these references. Returns the path. */
export async function packLayout(
  layout: string,
  manifest: Blob,
  references: readonly string[],
  file: string,
): Promise<string> {
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(layout, "index.json"), JSON.stringify(index(references, manifest)));
  const draft = `${file}.draft`;
  await tar(draft, layout, ["oci-layout", "index.json", "blobs"]);
  await rename(draft, file);
  return file;
}

/** A piece of a layout by its content. */
export interface Blob {
  readonly digest: string;
  readonly size: number;
}

function index(references: readonly string[], manifest: Blob): unknown {
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: references.map((reference) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      ...manifest,
      annotations: {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
      },
    })),
  };
}

async function addBlob(layout: string, content: unknown): Promise<Blob> {
  const bytes = Buffer.from(JSON.stringify(content));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(layout, "blobs/sha256", hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

async function addLayer(entries: readonly ImageEntry[], work: string, layout: string): Promise<Blob> {
  const root = join(work, "root");
  await stageEntries(entries, root);
  const file = join(work, "layer.tar");
  await tar(file, root, ["."]);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const hex = hash.digest("hex");
  const { size } = await stat(file);
  await rename(file, join(layout, "blobs/sha256", hex));
  return { digest: `sha256:${hex}`, size };
}

/** Lays out entries below the folder `root`, which is made. */
export async function stageEntries(entries: readonly ImageEntry[], root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  for (const entry of entries) await stage(entry, root);
}

async function stage(entry: ImageEntry, root: string): Promise<void> {
  const path = join(root, entry.destination);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  switch (entry.kind) {
    case "file":
      await copyFile(entry.source, path);
      return chmod(path, entry.mode);
    case "link":
      return symlink(entry.target, path);
    case "folder":
      await mkdir(path, { recursive: true });
      return chmod(path, entry.mode);
    default:
      entry satisfies never;
  }
}

async function tar(file: string, folder: string, members: readonly string[]): Promise<void> {
  await execa("tar", [...REPRODUCIBLE, "-cf", file, "-C", folder, ...members]);
}

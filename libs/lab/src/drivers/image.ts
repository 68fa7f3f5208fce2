import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, stat, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { LabError } from "../lab-error.ts";
import { IMAGE_FILES, ROOT_LABEL } from "../qemu.ts";
import { IMAGE_SCRIPT } from "../scripts.ts";
import { isThere, writeScript } from "./layers.ts";
import { acquireLock } from "./lock.ts";
import { removeFolder } from "./store.ts";

export interface ImageOptions {
  /** The Debian tree whose mkfs makes the disk. */
  readonly tools: string;
  /** The folders of the root file system, the uppermost first; each is named after the hash of what it is made from. */
  readonly layers: readonly string[];
  readonly cacheFolder: string;
  /** Called before a disk is made; not when it is found in the cache. */
  readonly onMake?: (() => void) | undefined;
}

/** How many disks stay; the least recently used go. Each is a gigabyte, and powered off machines need theirs. */
const KEPT_IMAGES = 3;

/** The folder with the disk that machines begin with, and the kernel that boots it; kept by content. */
export async function prepareImage(options: ImageOptions): Promise<string> {
  const { cacheFolder, layers } = options;
  const key = createHash("sha256")
    .update([IMAGE_SCRIPT, basename(options.tools), ...layers.map((layer) => basename(layer))].join("\n"))
    .digest("hex");
  const image = join(cacheFolder, key);
  await mkdir(cacheFolder, { recursive: true });
  await using _lock = await acquireLock(`images ${cacheFolder}`, {
    what: "the machines' disk image",
    timeoutMs: 300_000,
  });
  if (!(await isThere(image))) {
    options.onMake?.();
    await make(options, image);
  }
  await touch(image);
  await prune(cacheFolder, image);
  return image;
}

/** Says of an image that it is in use, for those who remove old ones. */
export async function touch(image: string): Promise<void> {
  const now = new Date();
  await utimes(image, now, now);
}

async function make({ tools, layers, cacheFolder }: ImageOptions, image: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    // We hold the lock: drafts are what killed builds left.
    if (name.startsWith("draft.")) await removeFolder(join(cacheFolder, name));
  }
  const draft = await mkdtemp(join(cacheFolder, "draft."));
  try {
    for (const part of ["root", "out"]) await mkdir(join(draft, part));
    await writeScript(join(draft, "image"), IMAGE_SCRIPT);
    const places = [tools, layers.join(":"), join(draft, "root"), join(draft, "out"), ROOT_LABEL];
    const { exitCode, all } = await execa(
      "unshare",
      [
        ...["--mount", "--propagation=slave", "/bin/sh", join(draft, "image"), ...places],
        ...[IMAGE_FILES.disk, IMAGE_FILES.kernel, IMAGE_FILES.initrd],
      ],
      { reject: false, all: true, stdin: "ignore" },
    );
    if (exitCode !== 0) throw new LabError(`could not make the machines' disk: ${all?.trim() ?? ""}`);
    await rename(join(draft, "out"), image);
  } finally {
    await removeFolder(draft);
  }
}

async function prune(cacheFolder: string, used: string): Promise<void> {
  const names = (await readdir(cacheFolder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => ({
      path: join(cacheFolder, name),
      mtimeMs: (await stat(join(cacheFolder, name))).mtimeMs,
    })),
  );
  const old = aged.sort((left, right) => right.mtimeMs - left.mtimeMs).slice(KEPT_IMAGES);
  for (const { path } of old) if (path !== used) await removeFolder(path);
}

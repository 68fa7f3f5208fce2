import { createHash } from "node:crypto";
import {
  chmod,
  chown,
  cp,
  lchown,
  mkdir,
  open,
  rename,
  rm,
  stat,
  symlink,
  type FileHandle,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Entry, Hash } from "../entry.ts";
import type { Manifest } from "../manifest.ts";
import { showPosition } from "../position.ts";
import type { Store } from "../store/store.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface RestoreOptions {
  readonly directory: string;
  readonly manifest: Manifest;
  readonly store: Store;
  /** Whose everything becomes; without it, whose process this is. */
  readonly owner?: Owner;
}

/** A snapshot cannot be put into place. `damaged` are blocks that were found not to be what they are called. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
  readonly damaged: readonly Hash[];

  constructor(message: string, damaged: readonly Hash[], options?: ErrorOptions) {
    super(message, options);
    this.damaged = damaged;
  }
}

/**
 * Makes the directory what a snapshot says. It is put together beside it, checked and flushed, and takes its place by a rename;
 * what was there before is kept as `<directory>.replaced` until the next time. A crash leaves the old one, the new one, or
 * none in place with both beside it: then this is simply done again.
 */
export async function restoreDirectory(options: RestoreOptions): Promise<void> {
  const { directory, manifest, store, owner } = options;
  const draft = `${directory}.restoring`;
  const replaced = `${directory}.replaced`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  const damaged: Hash[] = [];
  for (const entry of manifest.entries) damaged.push(...(await restoreEntry(draft, entry, store, owner)));
  if (damaged.length > 0) {
    throw new RestoreError(`snapshot ${showPosition(manifest)} is damaged on this machine`, damaged);
  }
  const folders = manifest.entries.filter(({ kind }) => kind === "folder");
  // Deepest first, and modes last: a folder may be one that even its owner cannot write to.
  for (const { path, ...entry } of folders.toReversed()) {
    await syncFolder(join(draft, path));
    if (entry.kind === "folder") await chmod(join(draft, path), entry.mode);
  }
  await finishTop(directory, draft, owner);
  await rm(replaced, { recursive: true, force: true });
  if (await isThere(directory)) await moveAway(directory, replaced);
  await rename(draft, directory);
  await syncFolder(dirname(directory));
}

/**
 * A root of layers, as in containers, live systems and the lab, does not rename a directory that came with its image (EXDEV; see "renaming
 * directories" in the kernel's overlayfs.rst). Its content can be copied, and the directory be removed.
 */
async function moveAway(directory: string, to: string): Promise<void> {
  try {
    await rename(directory, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await cp(directory, to, { recursive: true, preserveTimestamps: true });
    await rm(directory, { recursive: true });
  }
}

async function restoreEntry(
  draft: string,
  entry: Entry,
  store: Store,
  owner: Owner | undefined,
): Promise<readonly Hash[]> {
  const path = join(draft, entry.path);
  switch (entry.kind) {
    case "folder":
      await mkdir(path, { mode: 0o700 });
      if (owner) await chown(path, owner.uid, owner.gid);
      return [];
    case "link":
      await symlink(entry.target, path);
      if (owner) await lchown(path, owner.uid, owner.gid);
      return [];
    case "file":
      return restoreFile(path, entry, store, owner);
    default:
      return entry satisfies never;
  }
}

async function restoreFile(
  path: string,
  entry: Extract<Entry, { kind: "file" }>,
  store: Store,
  owner: Owner | undefined,
): Promise<readonly Hash[]> {
  const file = await open(path, "wx", 0o600);
  try {
    const damaged = await fill(file, entry, store);
    if (damaged.length > 0) return damaged;
    if (owner) await file.chown(owner.uid, owner.gid);
    await file.chmod(entry.mode);
    await file.sync();
    return [];
  } finally {
    await file.close();
  }
}

async function fill(
  file: FileHandle,
  { blocks, hash, path }: Extract<Entry, { kind: "file" }>,
  store: Store,
): Promise<readonly Hash[]> {
  const whole = createHash("sha256");
  const damaged: Hash[] = [];
  for (const block of blocks) {
    const bytes = await store.read(block);
    if (!bytes) {
      damaged.push(block);
      continue;
    }
    whole.update(bytes);
    await file.write(bytes);
  }
  if (damaged.length === 0 && whole.digest("hex") !== hash) {
    throw new RestoreError(`the blocks of ${path} do not make the file that its leader read`, []);
  }
  return damaged;
}

/** The top keeps the mode and owner of the directory that is replaced. */
async function finishTop(directory: string, draft: string, owner: Owner | undefined): Promise<void> {
  const old = (await isThere(directory)) ? await stat(directory) : undefined;
  const { uid, gid } = owner ?? old ?? {};
  if (uid !== undefined && gid !== undefined) await chown(draft, uid, gid);
  await chmod(draft, old ? old.mode & 0o7777 : 0o700);
  await syncFolder(draft);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

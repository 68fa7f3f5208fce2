import { constants } from "node:fs";
import { mkdir, open, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

export interface WriteOptions {
  /** Permission bits of the file, for example 0o600. */
  readonly mode: number;
}

/**
 * Replaces a file so that a crash leaves either the old or the new content, on disk: written beside it, flushed,
 * renamed, and the folder flushed too. Where the file is a mount by itself, as container managers mount /etc/hosts and
 * /etc/hostname, nothing can be renamed over it (rename(2): EBUSY): such a file is written in place,
 * and a crash may leave a mixture.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, options.mode);
  await fill(file, content, options);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    return fill(await open(path, constants.O_WRONLY), content, options);
  }
  const directory = await open(folder, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function fill(file: FileHandle, content: string | Uint8Array, { mode }: WriteOptions): Promise<void> {
  try {
    await file.chmod(mode);
    await file.writeFile(content);
    // What was longer; only now, so that there is no moment without any content.
    await file.truncate(Buffer.byteLength(content));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes only when the content differs; says whether it wrote. */
export async function writeFileIfChanged(
  path: string,
  content: string,
  options: WriteOptions,
): Promise<boolean> {
  if ((await readFileIfExists(path))?.toString("utf8") === content) return false;
  await writeFileAtomic(path, content, options);
  return true;
}

/** A file's content, or undefined if there is no such file. */
export async function readFileIfExists(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The hash of some texts, in order. */
export function keyOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex");
}

/** The hash of files and folders: names below the folder, permissions and content. */
export async function keyOfFiles(...paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const visit = async (path: string, name: string): Promise<void> => {
    const facts = await stat(path);
    if (facts.isDirectory()) {
      for (const entry of (await readdir(path)).sort()) await visit(join(path, entry), `${name}/${entry}`);
    } else {
      parts.push(name, String(facts.mode & 0o777), (await readFile(path)).toString("latin1"));
    }
  };
  for (const path of paths) await visit(path, "");
  return keyOf(...parts);
}

/** How many results of one kind stay; the least recently used go. */
const KEPT = 5;

/**
 * The folder that `make` filled for this key, now or in an earlier build. It appears whole or not at all, so a build that
 * is killed, or two at once, do no harm.
 */
export async function kept(
  folder: string,
  key: string,
  make: (draft: string) => Promise<void>,
): Promise<string> {
  const place = join(folder, key);
  const isThere = await stat(place).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await mkdir(folder, { recursive: true });
    const draft = await mkdtemp(join(folder, "draft."));
    try {
      await make(draft);
      await rename(draft, place).catch((error: NodeJS.ErrnoException) => {
        // Another build of the same was faster.
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  const now = new Date();
  await utimes(place, now, now);
  await prune(dirname(place), place);
  return place;
}

async function prune(folder: string, used: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => ({
      path: join(folder, name),
      usedMs: (await stat(join(folder, name))).mtimeMs,
    })),
  );
  const old = aged.sort((left, right) => right.usedMs - left.usedMs).slice(KEPT);
  for (const { path } of old) if (path !== used) await rm(path, { recursive: true, force: true });
}

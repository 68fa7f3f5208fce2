import { readdir, readFile } from "node:fs/promises";
import { compareText } from "@cluster-os/std";

/**
 * Content of a small kernel file, trimmed; undefined if it is not there or the driver behind it refuses (a link without
 * a speed answers EINVAL).
 */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    return undefined;
  }
}

/** A whole number in a kernel file, if there is one. */
export async function readNumber(path: string): Promise<number | undefined> {
  const text = await readText(path);
  return text !== undefined && /^-?[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** Names in a folder, sorted; none if there is no such folder. */
export async function listNames(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(() => [])).sort(compareText);
}

import { join } from "node:path";
import { readText } from "./folder.ts";

/** The memory the kernel has, in bytes. */
export async function readMemoryBytes(root: string): Promise<number> {
  const [, kibibytes] =
    /^MemTotal:\s+([0-9]+) kB$/m.exec((await readText(join(root, "proc/meminfo"))) ?? "") ?? [];
  return Number(kibibytes ?? 0) * 1024;
}

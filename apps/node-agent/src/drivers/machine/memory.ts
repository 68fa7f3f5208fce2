import { join } from "node:path";
import { readText } from "./folder.ts";

/** The machine's memory as a Kubernetes quantity, in whole mebibytes. */
export async function readMemory(root: string): Promise<string> {
  const [, kibibytes] =
    /^MemTotal:\s+([0-9]+) kB$/m.exec((await readText(join(root, "proc/meminfo"))) ?? "") ?? [];
  return `${Math.floor(Number(kibibytes ?? 0) / 1024)}Mi`;
}

import { join } from "node:path";
import type { MachineVersions } from "../../report/status.ts";
import { readText } from "./folder.ts";

/** Kernel release, and the operating system's own name for itself (os-release(5)). */
export async function readVersions(root: string): Promise<MachineVersions> {
  const kernel = (await readText(join(root, "proc/sys/kernel/osrelease"))) ?? "unknown";
  const release =
    (await readText(join(root, "etc/os-release"))) ??
    (await readText(join(root, "usr/lib/os-release"))) ??
    "";
  const [, quoted] = /^PRETTY_NAME=(.*)$/m.exec(release) ?? [];
  return { kernel, os: quoted?.replace(/^["']|["']$/g, "") ?? "Linux" };
}

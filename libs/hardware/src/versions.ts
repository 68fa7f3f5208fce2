import { join } from "node:path";
import { readText } from "./folder.ts";

export interface MachineVersions {
  /** Kernel release, for example 6.12.57+deb13-amd64. */
  readonly kernel: string;
  /** For example "Debian GNU/Linux 13 (trixie)". */
  readonly os: string;
}

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

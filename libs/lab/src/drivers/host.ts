import { constants } from "node:fs";
import { access, readFile, stat, statfs } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { chooseCgroupMode } from "../cgroups.ts";
import { PROGRAMS, type HostFacts } from "../preflight.ts";
import type { DriverName } from "../state.ts";
import type { CgroupFacts } from "./cgroup-files.ts";
import { readIfThere } from "./processes.ts";

/** Finds out what a lab needs to know about the host. Everything tried vanishes with the process that tried it. */
export async function readHostFacts(
  stateFolder: string,
  cgroups: CgroupFacts,
  driver: DriverName,
): Promise<HostFacts> {
  const isRoot = process.geteuid?.() === 0;
  const [missing, filesystems, hasTun, canUnshare, canAddVeth, canAddBridge, ipv6, nullFacts] =
    await Promise.all([
      missingPrograms(PROGRAMS[driver]),
      readFile("/proc/filesystems", "utf8"),
      access("/dev/net/tun").then(
        () => true,
        () => false,
      ),
      succeeds("unshare", ["--net", "--mount", "true"]),
      succeeds("unshare", [
        "--net",
        "ip",
        "link",
        "add",
        "cosprobe0",
        "type",
        "veth",
        "peer",
        "name",
        "cosprobe1",
      ]),
      succeeds("unshare", ["--net", "ip", "link", "add", "cosprobe0", "type", "bridge"]),
      readIfThere("/proc/sys/net/ipv6/conf/default/disable_ipv6"),
      stat("/dev/null"),
    ]);
  return {
    isRoot,
    missingPrograms: missing,
    hasOverlay: /\toverlay$/m.test(filesystems) || (isRoot && (await succeeds("modprobe", ["overlay"]))),
    hasTun,
    canUnshare,
    canAddVeth,
    canAddBridge,
    hasIpv6: ipv6?.trim() === "0",
    cgroupMode: chooseCgroupMode(cgroups.hierarchies, cgroups.unifiedControllers),
    nullMode: nullFacts.mode & 0o777,
    freeBytes: isRoot ? await freeBytes(stateFolder) : 0,
    availableBytes: await availableBytes(),
  };
}

async function missingPrograms(programs: readonly string[]): Promise<string[]> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const looked = await Promise.all(
    programs.map(async (program) => {
      const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, program))));
      return found.includes(true) ? [] : [program];
    }),
  );
  return looked.flat();
}

async function availableBytes(): Promise<number> {
  const kibibytes = /^MemAvailable: +([0-9]+) kB$/m.exec(await readFile("/proc/meminfo", "utf8"))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What is free where `folder` is, or will be. */
async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || folder === dirname(folder)) throw error;
    return freeBytes(dirname(folder));
  }
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return (await execa(program, args, { reject: false, stdio: "ignore" })).exitCode === 0;
}

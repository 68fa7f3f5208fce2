import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { LAB } from "./cluster-os.ts";

/** Everything on this host that a lab could leave behind, a line each. */
export interface HostState {
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
  readonly loopDevices: readonly string[];
  readonly processes: readonly string[];
}

/** A process, so that its number given to another one is not taken for it. */
export interface ProcessRef {
  readonly pid: number;
  readonly startTicks: string;
}

export async function hostState(): Promise<HostState> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).trim().split("\n");
  return {
    // The mount's point and source; its numbers mean nothing.
    mounts: ours(mounts.map((line) => line.split(" ").slice(3).join(" "))),
    namespaces: ours(await listFolder("/run/netns")),
    links: ours(await lines("ip", ["-oneline", "link", "show"])),
    cgroups: ours((await Promise.all((await ownCgroups()).map(cgroupFolders))).flat()),
    loopDevices: ours(await lines("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"])),
    // A host's processes come and go: of them only those that carry the lab's name are the lab's for sure.
    processes: (await commandLines()).filter(
      (line) => line.includes(`cos-${LAB}`) || line.includes(`/${LAB}/m`),
    ),
  };
}

/** Every process that runs inside these machines, given their first ones. */
export async function processesInside(leaders: readonly number[]): Promise<readonly ProcessRef[]> {
  const namespaces = new Set(await Promise.all(leaders.map((pid) => processNamespace(pid))));
  const refs = await Promise.all(
    (await pids()).map(async (pid) => {
      const inside = namespaces.has(await processNamespace(pid));
      const startTicks = inside ? await startOf(pid) : undefined;
      return startTicks === undefined ? [] : [{ pid, startTicks }];
    }),
  );
  return refs.flat();
}

/** Those that still run. */
export async function stillRunning(processes: readonly ProcessRef[]): Promise<readonly ProcessRef[]> {
  const starts = await Promise.all(processes.map(({ pid }) => startOf(pid)));
  return processes.filter(({ startTicks }, index) => starts[index] === startTicks);
}

/** The permission bits of the host's /dev/null, which a careless machine changes for all. */
export async function nullMode(): Promise<number> {
  return (await stat("/dev/null")).mode & 0o777;
}

/** Other labs of this host come and go, too; each thing of theirs carries their name. */
function ours(found: readonly string[]): readonly string[] {
  const another = new RegExp(
    `cos-(?!${LAB}-)[a-z][a-z0-9]*-(m[0-9]+|fabric)|cluster-os-lab/(?!${LAB}/)|/draft\\.`,
  );
  return found.filter((line) => !another.test(line)).toSorted();
}

async function lines(program: string, args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await execa(program, args);
  return stdout.split("\n").filter((line) => line !== "");
}

async function listFolder(path: string): Promise<readonly string[]> {
  return existsSync(path) ? readdir(path) : [];
}

/** The cgroups this process is in, in every hierarchy: a lab makes its own below them. Others' come and go elsewhere. */
async function ownCgroups(): Promise<readonly string[]> {
  const text = await readFile("/proc/self/cgroup", "utf8");
  const folders = text
    .trim()
    .split("\n")
    .map((line) => {
      const [, controllers = "", path = "/"] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? [];
      const hierarchy = controllers === "" ? "unified" : controllers.replace("name=", "");
      return join("/sys/fs/cgroup", hierarchy, path);
    });
  return folders.map((folder) => (existsSync(folder) ? folder : "/sys/fs/cgroup"));
}

async function cgroupFolders(folder: string): Promise<readonly string[]> {
  // A cgroup that ends while it is read is none.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  return [...below, ...(await Promise.all(below.map(cgroupFolders))).flat()];
}

async function pids(): Promise<readonly number[]> {
  return (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name)).map(Number);
}

async function commandLines(): Promise<readonly string[]> {
  const texts = await Promise.all(
    (await pids()).map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return texts.map((text) => text.replaceAll("\0", " ").trim());
}

async function processNamespace(pid: number): Promise<number | undefined> {
  return (await stat(`/proc/${pid}/ns/pid`).catch(() => undefined))?.ino;
}

/** Field 22 of proc_pid_stat(5); undefined for what has ended, also where nobody has asked for its end yet (a zombie). */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field may hold spaces, so fields are counted from its bracket: the third is the state.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

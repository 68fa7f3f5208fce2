import { readdir, readFile, readlink, stat } from "node:fs/promises";

/** Everything on this host that bears a lab's name or lies in its folder. */
export interface Traces {
  /** Mounts of any process. */
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  readonly loopDevices: readonly string[];
}

/** Looks for traces of a lab everywhere, other processes' namespaces included. Others' work on this host is not seen. */
export async function findTraces(lab: string, stateFolder: string): Promise<Traces> {
  const mark = `cos-${lab}-`;
  const isOurs = (text: string): boolean => text.includes(mark) || text.includes(`${stateFolder}/${lab}`);
  const pids = (await readdir("/proc")).filter(
    (entry) => /^\d+$/.test(entry) && entry !== String(process.pid),
  );
  const mounts = new Set<string>();
  const processes = new Set<string>();
  for (const pid of pids) {
    const [mountinfo, cmdline, cgroup] = await Promise.all(
      ["mountinfo", "cmdline", "cgroup"].map((file) =>
        readFile(`/proc/${pid}/${file}`, "utf8").catch(() => ""),
      ),
    );
    for (const line of (mountinfo ?? "").split("\n").filter(isOurs)) mounts.add(line);
    // By cgroup, since what runs in a machine may be called anything; and by arguments, for what leads to it.
    const isLaunch = cmdline?.includes(`--directory=${stateFolder}/${lab}/`) === true;
    if (isLaunch || cgroup?.includes(mark) === true)
      processes.add(`${pid} ${cmdline?.replaceAll("\0", " ")}`);
  }
  return {
    mounts: [...mounts],
    namespaces: (await readdir("/run/netns").catch(() => [])).filter(isOurs),
    cgroups: await cgroupsNamed(mark, "/sys/fs/cgroup"),
    processes: [...processes],
    loopDevices: await loopDevices(isOurs),
  };
}

async function cgroupsNamed(mark: string, folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory());
  const below = await Promise.all(folders.map((entry) => cgroupsNamed(mark, `${folder}/${entry.name}`)));
  return [
    ...folders.filter((entry) => entry.name.startsWith(mark)).map((entry) => `${folder}/${entry.name}`),
    ...below.flat(),
  ];
}

async function loopDevices(isOurs: (text: string) => boolean): Promise<string[]> {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const files = await Promise.all(
    devices.map(
      async (name) =>
        `${name} ${await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "")}`,
    ),
  );
  return files.filter(isOurs);
}

/** What a lab must never change on its host. */
export async function hostFacts(): Promise<object> {
  const facts = await stat("/dev/null");
  const setting = (name: string): Promise<string> => readFile(`/proc/sys/${name}`, "utf8").catch(() => "");
  return {
    null: `${facts.mode.toString(8)} ${facts.uid}:${facts.gid}`,
    network: await readlink("/proc/self/ns/net"),
    hostname: await setting("kernel/hostname"),
    corePattern: await setting("kernel/core_pattern"),
    forwarding: await setting("net/ipv4/ip_forward"),
    namespaceFolder: (await readFile("/proc/self/mountinfo", "utf8")).includes(" /run/netns "),
  };
}

import {
  chmod,
  cp,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  statfs,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { canLowerOomScore, reachableNameservers, type MachineFacts } from "../machine.ts";
import type { Command, CommandResult, Host } from "./host.ts";
import { downloadHttps, requestHttps } from "./https.ts";

/** CGROUP2_SUPER_MAGIC (linux/magic.h): what statfs(2) says of /sys/fs/cgroup where version 2 is mounted. */
const CGROUP2_MAGIC = 0x63677270;

/** The machine this process runs on. Needs root. */
export const linuxHost: Host = {
  patience: 1,
  run,
  request: requestHttps,
  download: downloadHttps,
  readFile: async (path) => (await readFileIfExists(path))?.toString("utf8"),
  writeFile: (path, content, mode) => writeFileIfChanged(path, content, { mode }),
  setKernelParameter,
  makeFolder: async (path, mode) => {
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
  },
  list: (folder) => readdir(folder).catch(ifMissing<string[]>([])),
  remove: (path) => rm(path, { recursive: true, force: true }),
  link: async (from, to) => {
    await mkdir(dirname(to), { recursive: true });
    // A name that is there already is only replaced by a rename (link(2)).
    const draft = `${to}.new`;
    await rm(draft, { force: true });
    await link(from, draft);
    await rename(draft, to);
    // Two names of one file are left as they are by a rename (rename(2)).
    await rm(draft, { force: true });
  },
  move,
  empty: async (folder) => {
    const names = await readdir(folder).catch(ifMissing<string[]>([]));
    for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
  },
  inspect,
};

async function run(command: Command, signal: AbortSignal): Promise<CommandResult> {
  const { logPath } = command;
  if (logPath !== undefined) await makePrivateFile(logPath);
  const output = logPath === undefined ? ("pipe" as const) : { file: logPath, append: true };
  const result = await execa(command.file, command.args, {
    stdin: "ignore",
    stdout: output,
    stderr: output,
    timeout: command.timeoutMs,
    forceKillAfterDelay: 2000,
    cancelSignal: signal,
    reject: false,
  });
  signal.throwIfAborted();
  // Neither ended nor killed: it never ran, for example because there is no such program.
  if (result.exitCode === undefined && !result.isTerminated && !result.timedOut) throw result as Error;
  return { exitCode: result.exitCode, stdout: result.stdout ?? "", stderr: result.stderr ?? "" };
}

async function move(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  try {
    await rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    if (code !== "EXDEV") throw error;
    // Between file systems that is said before anybody looks whether there is something to move (rename(2)).
    if (!(await isThere(from))) return;
    await cp(from, to, { recursive: true, preserveTimestamps: true });
    await rm(from, { recursive: true, force: true });
  }
}

function isThere(path: string): Promise<boolean> {
  return lstat(path)
    .then(() => true)
    .catch(ifMissing(false));
}

async function makePrivateFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "a", 0o600);
  await file.close();
}

async function setKernelParameter(name: string, value: string): Promise<boolean> {
  const path = `/proc/sys/${name.replaceAll(".", "/")}`;
  const present = await readFileIfExists(path);
  if (present === undefined) return false;
  if (present.toString("utf8").trim() !== value) await writeFile(path, value);
  return true;
}

async function inspect(): Promise<MachineFacts> {
  const { type } = await statfs("/sys/fs/cgroup");
  // systemd-resolved lists the real servers here, and itself in /etc/resolv.conf.
  const resolved = await readFileIfExists("/run/systemd/resolve/resolv.conf");
  const resolvConf = await readFileIfExists("/etc/resolv.conf");
  const appArmor = await readFileIfExists("/sys/module/apparmor/parameters/enabled");
  return {
    cgroupVersion: type === CGROUP2_MAGIC ? 2 : 1,
    canLowerOomScore: canLowerOomScore(await readFile("/proc/self/status", "utf8")),
    hasAppArmor: appArmor?.toString("utf8").trim() === "Y",
    hasResolvConf: resolvConf !== undefined,
    nameservers: reachableNameservers((resolved ?? resolvConf)?.toString("utf8") ?? ""),
  };
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  };
}

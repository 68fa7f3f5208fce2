import { readdir, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import type { ProcessRef } from "../state.ts";

export interface ProcessFacts extends ProcessRef {
  readonly name: string;
  readonly parent: number;
  /** A zombie is dead; only its parent has not asked yet. */
  readonly isZombie: boolean;
  /** Stopped by a signal: it does nothing until it is continued or killed. */
  readonly isStopped: boolean;
}

/** The process of that number; undefined if there is none. */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  // proc_pid_stat(5): the name is in parentheses and may contain any character, parentheses too.
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(stat ?? "") ?? [];
  if (name === undefined || rest === undefined) return undefined;
  const fields = rest.split(" ");
  return {
    pid,
    name,
    isZombie: fields[0] === "Z" || fields[0] === "X",
    isStopped: fields[0] === "T",
    parent: Number(fields[1]),
    startTicks: Number(fields[19]),
  };
}

/** Whether that very process still runs: not another one with its number, nor what a dead one leaves to its parent. */
export async function isAlive(ref: ProcessRef | undefined): Promise<boolean> {
  if (ref === undefined) return false;
  const facts = await readProcess(ref.pid);
  return facts !== undefined && facts.startTicks === ref.startTicks && !facts.isZombie;
}

/** Whether some process of that number runs. */
export async function isRunning(pid: number): Promise<boolean> {
  const facts = await readProcess(pid);
  return facts !== undefined && !facts.isZombie;
}

/** Sends a signal; says whether there was a process to get it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Kills a process and its children. It is stopped before its children are looked for: otherwise it might make one between
 * the look and its own end, and nobody would end that one.
 */
export async function killWithChildren(pid: number): Promise<void> {
  if (!signalProcess(pid, "SIGSTOP")) return;
  await waitFor(
    async () => {
      const facts = await readProcess(pid);
      return facts === undefined || facts.isZombie || facts.isStopped;
    },
    { what: `process ${pid} to stop`, timeoutMs: 10_000, everyMs: 5 },
  );
  for (const child of await childrenOf(pid)) signalProcess(child, "SIGKILL");
  signalProcess(pid, "SIGKILL");
}

export async function childrenOf(pid: number): Promise<number[]> {
  const threads = await listIfThere(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readIfThere(`/proc/${pid}/task/${thread}/children`)),
  );
  return lists.flatMap((list) => numbersIn(list ?? ""));
}

/** The systemd-nspawn that a supervisor runs at this moment. */
export async function findNspawn(supervisor: number): Promise<number | undefined> {
  for (const pid of await childrenOf(supervisor)) {
    if ((await readProcess(pid))?.name === "systemd-nspawn") return pid;
  }
  return undefined;
}

/** The child of a supervisor's systemd-nspawn that is process 1 of a new PID namespace and has become an init. */
export async function findLeader(supervisor: number): Promise<ProcessRef | undefined> {
  const nspawn = await findNspawn(supervisor);
  for (const pid of nspawn === undefined ? [] : await childrenOf(nspawn)) {
    const facts = await readProcess(pid);
    const isFirst = /^NSpid:.*\t1$/m.test((await readIfThere(`/proc/${pid}/status`)) ?? "");
    if (facts?.name === "systemd" && isFirst) return { pid, startTicks: facts.startTicks };
  }
  return undefined;
}

const LAUNCH_STEPS = new Set(["nsenter", "unshare", "sh", "dash", "bash", "systemd-nspawn"]);

/**
 * Processes on their way to boot a machine whose root lies below `folder`, or supervising it: found by their arguments,
 * for the case that their launcher died before it wrote their numbers down.
 */
export async function findLaunches(folder: string): Promise<number[]> {
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const argv = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? "").split("\0");
      const isStep = LAUNCH_STEPS.has(basename(argv[0] ?? ""));
      return isStep && argv.some((word) => word.startsWith(`--directory=${folder}/`)) ? [pid] : [];
    }),
  );
  return found.flat();
}

export async function allPids(): Promise<number[]> {
  return (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
}

export function numbersIn(text: string): number[] {
  return text.split(/\s+/).filter(Boolean).map(Number);
}

/** Whoever runs in one of these network namespaces, given their files. */
export async function membersOfNamespaces(files: readonly string[]): Promise<number[]> {
  const numbers = new Set((await Promise.all(files.map(inodeOf))).filter((inode) => inode !== undefined));
  if (numbers.size === 0) return [];
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const inode = await inodeOf(`/proc/${pid}/ns/net`);
      return inode !== undefined && numbers.has(inode) ? [pid] : [];
    }),
  );
  return found.flat();
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    // A container keeps its root from looking at some processes; those are none of a lab's.
    if (isGone(error) || (error as NodeJS.ErrnoException).code === "EACCES") return undefined;
    throw error;
  }
}

/** A file below /proc or /sys; undefined when what it tells of is gone. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export async function listIfThere(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/**
 * ESRCH and ENODEV: the process or cgroup ended between opening and reading. EINVAL: the process is ending and has left its
 * mount namespace, so that its mountinfo cannot be opened.
 */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "ENODEV", "ENOTDIR", "EINVAL"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );
}

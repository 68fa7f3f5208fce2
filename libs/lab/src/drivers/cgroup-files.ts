import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import { parseHierarchies, type CgroupHierarchy, type CgroupPlan } from "../cgroups.ts";
import { listIfThere, numbersIn, readIfThere } from "./processes.ts";

export interface CgroupFacts {
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Controllers that the root of cgroup version 2 offers. */
  readonly unifiedControllers: readonly string[];
}

export async function readCgroupFacts(): Promise<CgroupFacts> {
  const hierarchies = parseHierarchies(
    await readFile("/proc/self/cgroup", "utf8"),
    await readFile("/proc/self/mountinfo", "utf8"),
  );
  const unified = hierarchies.find((one) => one.version === 2);
  const controllers =
    unified === undefined ? undefined : await readIfThere(join(unified.mountPoint, "cgroup.controllers"));
  return { hierarchies, unifiedControllers: (controllers ?? "").split(/\s+/).filter(Boolean) };
}

/** Makes the cgroups, so that a process can enter each of them. One that exists stays. */
export async function makeCgroups(plans: readonly CgroupPlan[]): Promise<void> {
  for (const { path, parent, copyCpuset, enable } of plans) {
    await mkdir(path, { recursive: true });
    for (const folder of enable.length > 0 ? [parent, path] : []) {
      await writeFile(join(folder, "cgroup.subtree_control"), enable.map((one) => `+${one}`).join(" "));
    }
    if (!copyCpuset) continue;
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      await writeFile(join(path, file), await readFile(join(parent, file)));
    await writeFile(join(path, "cgroup.clone_children"), "1");
  }
}

/** Every process in these cgroups and below. */
export async function membersOf(cgroups: readonly string[]): Promise<number[]> {
  const pids = new Set<number>();
  for (const cgroup of cgroups) {
    for (const folder of await withDescendants(cgroup)) {
      for (const pid of numbersIn((await readIfThere(join(folder, "cgroup.procs"))) ?? "")) pids.add(pid);
    }
  }
  return [...pids];
}

/**
 * Removes a cgroup and those below it. The kernel refuses while a process that was killed is still on its way out, so
 * it is tried until it lets go.
 */
export async function removeCgroup(path: string): Promise<void> {
  await waitFor(async () => (await removeOnce(path)) || undefined, {
    what: `the end of the last process in ${path}`,
    timeoutMs: 10_000,
    everyMs: 20,
  });
}

async function removeOnce(path: string): Promise<boolean> {
  for (const folder of (await withDescendants(path)).reverse()) {
    try {
      await rmdir(folder);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EBUSY") return false;
      if (code !== "ENOENT") throw error;
    }
  }
  return true;
}

/** The cgroups of that name directly below a hierarchy's root or the caller's own. */
export async function findCgroups(facts: CgroupFacts, isOurs: (name: string) => boolean): Promise<string[]> {
  const parents = new Set(facts.hierarchies.flatMap(({ mountPoint, own }) => [mountPoint, own]));
  const found = await Promise.all(
    [...parents].map(async (parent) =>
      (await listIfThere(parent)).filter(isOurs).map((name) => join(parent, name)),
    ),
  );
  return found.flat();
}

export async function exists(cgroup: string): Promise<boolean> {
  return (await listIfThere(cgroup)).length > 0;
}

/** The folder and all below it, parents first; nothing if it is gone. */
async function withDescendants(path: string): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => withDescendants(join(path, entry.name))),
  );
  return [path, ...below.flat()];
}

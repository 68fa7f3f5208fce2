import type { CgroupMode } from "./state.ts";

/** A mounted cgroup hierarchy and where in it this process is. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** "memory", "cpu", "name=systemd"...; empty for version 2. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The folder of this process's own cgroup. */
  readonly own: string;
}

/** A cgroup to be made for a machine. */
export interface CgroupPlan {
  readonly path: string;
  readonly parent: string;
  /** A new cpuset (version 1) has no processors and no memory nodes until they are copied from its parent. */
  readonly copyCpuset: boolean;
  /** Controllers to be enabled for the children of `parent` and of `path` (version 2). */
  readonly enable: readonly string[];
  /** Whether a command run in the machine joins it. */
  readonly joined: boolean;
}

/** The hierarchies of /proc/self/mountinfo, with this process's place in each according to /proc/self/cgroup. */
export function parseHierarchies(selfCgroup: string, mountinfo: string): CgroupHierarchy[] {
  const places = selfCgroup
    .trim()
    .split("\n")
    .map((line) => {
      const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return { controllers: controllers === "" ? [] : controllers.split(","), path };
    });
  return mountinfo
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [left = "", right = ""] = line.split(" - ");
      const [, , , root = "/", mountPoint = ""] = left.split(" ");
      const [type, , options = ""] = right.split(" ");
      if (type !== "cgroup" && type !== "cgroup2") return [];
      const place = places.find(({ controllers }) =>
        type === "cgroup2"
          ? controllers.length === 0
          : controllers.length > 0 && controllers.every((one) => options.split(",").includes(one)),
      );
      if (place === undefined) return [];
      const below = root !== "/" && place.path.startsWith(root) ? place.path.slice(root.length) : place.path;
      return [
        {
          version: type === "cgroup2" ? (2 as const) : (1 as const),
          controllers: place.controllers,
          mountPoint,
          own: `${mountPoint}${below.replace(/\/$/, "")}`,
        },
      ];
    });
}

/** What a machine needs for containers with limits. */
const NEEDED = ["cpu", "cpuset", "memory", "pids"] as const;

/**
 * Version 1 where the host has the controllers there, else version 2 (`unifiedControllers` is the root's
 * cgroup.controllers); undefined if neither has them all.
 */
export function chooseCgroupMode(
  hierarchies: readonly CgroupHierarchy[],
  unifiedControllers: readonly string[],
): CgroupMode | undefined {
  const first = hierarchies.filter((one) => one.version === 1).flatMap((one) => one.controllers);
  if (NEEDED.every((controller) => first.includes(controller))) return "v1";
  return NEEDED.every((controller) => unifiedControllers.includes(controller)) ? "v2" : undefined;
}

/**
 * The cgroups of the machine called `name`: one in every hierarchy. In version 1 they are below the caller's own, so that
 * a limit on the caller holds for its machines. In version 2 that is impossible (a cgroup with processes cannot enable
 * controllers for its children, cgroups(7)), so the machine's is below the root.
 */
export function planCgroups(
  hierarchies: readonly CgroupHierarchy[],
  name: string,
  mode: CgroupMode,
  unifiedControllers: readonly string[],
): CgroupPlan[] {
  return hierarchies.map(({ version, controllers, mountPoint, own }) => {
    const delegated = mode === "v2" && version === 2;
    const parent = delegated ? mountPoint : own;
    return {
      path: `${parent}/${name}`,
      parent,
      copyCpuset: version === 1 && controllers.includes("cpuset"),
      enable: delegated ? unifiedControllers : [],
      // systemd manages what is in its own hierarchies and moves strangers out; limits are in the controllers.
      joined: version === 1 && !controllers.includes("name=systemd"),
    };
  });
}

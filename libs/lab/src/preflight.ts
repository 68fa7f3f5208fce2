import type { CgroupMode, DriverName } from "./state.ts";

/** What was found out about the host. */
export interface HostFacts {
  readonly isRoot: boolean;
  /** Programs that were looked for and not found. */
  readonly missingPrograms: readonly string[];
  readonly hasOverlay: boolean;
  readonly hasTun: boolean;
  readonly canUnshare: boolean;
  readonly canAddVeth: boolean;
  readonly canAddBridge: boolean;
  readonly hasIpv6: boolean;
  readonly cgroupMode: CgroupMode | undefined;
  /** Permission bits of /dev/null. */
  readonly nullMode: number;
  /** Free bytes where machines keep their disks. */
  readonly freeBytes: number;
  /** Bytes of memory that nobody needs at the moment. */
  readonly availableBytes: number;
}

/** What is to run on the host. */
export interface Demand {
  readonly driver: DriverName;
  readonly machines: number;
  /** What each machine takes of the memory from its first moment on: emulated ones only. */
  readonly memoryBytes?: number;
}

export interface Problem {
  readonly what: string;
  readonly hint: string;
}

/** The free space asked for: a machine writes its images, journal and etcd. */
export const BYTES_PER_MACHINE = 700 * 2 ** 20;

/** Why such machines cannot run on this host, and what to do about each reason. Empty: they can. */
export function findProblems(facts: HostFacts, demand: Demand, stateFolder: string): Problem[] {
  const { driver, machines, memoryBytes = 0 } = demand;
  // Without root nothing else was worth finding out.
  if (!facts.isRoot)
    return [{ what: "a lab needs root: it makes namespaces, mounts and cgroups", hint: "run it with sudo" }];
  const problems: Problem[] = facts.missingPrograms.map((program) => ({
    what: `there is no ${program}`,
    hint: `install it (Debian: apt-get install ${PACKAGE_OF[program] ?? program})`,
  }));
  const refuse = (holds: boolean, what: string, hint: string): void => {
    if (holds) problems.push({ what, hint });
  };
  refuse(!facts.hasOverlay, "the kernel has no overlay file system", "load it: modprobe overlay");
  refuse(
    !facts.hasTun,
    driver === "qemu"
      ? "there is no /dev/net/tun, which an emulated network card needs"
      : "there is no /dev/net/tun, which WireGuard in user space needs",
    "load it: modprobe tun",
  );
  if (facts.canUnshare) {
    refuse(!facts.canAddVeth, "the kernel makes no veth pairs", "load it: modprobe veth");
    refuse(!facts.canAddBridge, "the kernel makes no bridges", "load it: modprobe bridge");
  } else {
    refuse(
      true,
      "this root may not make namespaces",
      "run it outside of a container, or in a privileged one",
    );
  }
  refuse(
    !facts.hasIpv6,
    "IPv6 is switched off, and machines find each other by it",
    "boot without ipv6.disable=1 and set the sysctl net.ipv6.conf.all.disable_ipv6=0",
  );
  // What an emulated machine has of its own.
  refuse(
    driver === "nspawn" && facts.cgroupMode === undefined,
    "neither cgroup version has the controllers cpu, cpuset, memory and pids",
    "mount cgroup2 at /sys/fs/cgroup, or the version 1 controllers below it",
  );
  refuse(
    driver === "nspawn" && facts.nullMode !== 0o666,
    `the host's /dev/null has mode 0${facts.nullMode.toString(8)}, which machines would inherit`,
    "repair it: chmod 0666 /dev/null",
  );
  const neededBytes = machines * BYTES_PER_MACHINE;
  refuse(
    facts.freeBytes < neededBytes,
    `${stateFolder} has ${mebibytes(facts.freeBytes)} MiB free, and ${machines} machines need ${mebibytes(neededBytes)} MiB`,
    "free some space, or put the lab elsewhere with CLUSTER_OS_LAB_DIR",
  );
  const neededMemory = machines * memoryBytes;
  refuse(
    facts.availableBytes < neededMemory,
    `there are ${mebibytes(facts.availableBytes)} MiB of memory available, and ${machines} machines need ${mebibytes(neededMemory)} MiB`,
    "boot fewer machines, or smaller ones with CLUSTER_OS_VM_MEMORY (MiB each)",
  );
  return problems;
}

/** Debian's packages of the programs a lab calls, where the names differ. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  "systemd-nspawn": "systemd-container",
  ip: "iproute2",
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
};

/** Every program a lab calls on the host. QEMU itself comes with a tree of its own. */
export const PROGRAMS: Record<DriverName, readonly string[]> = {
  nspawn: ["systemd-nspawn", "ip", "unshare", "nsenter", "mount"],
  qemu: ["ip", "unshare", "nsenter", "mount"],
};

function mebibytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}

import type { CgroupMode } from "./state.ts";

export interface Launch {
  /** The machine's name on the host; the machine itself does not see it. */
  readonly name: string;
  /** The folder where its root file system is mounted. */
  readonly root: string;
  /** Folders of the host seen in the machine. */
  readonly binds: readonly { readonly host: string; readonly machine: string }[];
  readonly cgroupMode: CgroupMode;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Folders of a machine that have to lie on a real file system: overlayfs is refused as the upper side of an overlay. */
export const REAL_FOLDERS = [
  { name: "containerd", machine: "/var/lib/containerd", mode: 0o711 },
  { name: "kubelet", machine: "/var/lib/kubelet", mode: 0o755 },
  { name: "etcd", machine: "/var/lib/etcd", mode: 0o700 },
  { name: "cluster-os", machine: "/var/lib/cluster-os", mode: 0o700 },
] as const;

/** Where machines see the folder that they share, if they share one. */
export const SHARED_FOLDER = "/mnt/shared";

const INIT_ARGUMENTS: Record<CgroupMode, readonly string[]> = {
  // systemd 256 and 257 want to be told twice; 258 has no version 1 any more.
  v1: [
    "systemd.unified_cgroup_hierarchy=0",
    "systemd.legacy_systemd_cgroup_controller=1",
    "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
  ],
  v2: [],
};

/** How systemd-nspawn boots a machine. */
export function nspawnCommand(launch: Launch): Command {
  return {
    argv: [
      "systemd-nspawn",
      "--quiet",
      `--directory=${launch.root}`,
      `--machine=${launch.name}`,
      // A machine is told neither its name nor its place: who it is follows from the key it makes.
      "--hostname=localhost",
      "--register=no",
      "--keep-unit",
      "--boot",
      // Containers, WireGuard and sysctls are the machine's own business, in its own namespaces.
      "--capability=all",
      // All but the clock: machines share the host's, which is not theirs to set.
      "--drop-capability=CAP_SYS_TIME",
      "--system-call-filter=@keyring bpf @privileged @known",
      "--bind=/dev/net/tun",
      "--bind=/dev/fuse",
      "--bind=/dev/kmsg",
      // "passive" would block process 1 at shutdown, writing to a terminal that nobody reads.
      "--console=read-only",
      "--link-journal=no",
      "--resolv-conf=off",
      "--timezone=off",
      ...launch.binds.map(({ host, machine }) => `--bind=${host}:${machine}`),
      ...INIT_ARGUMENTS[launch.cgroupMode],
    ],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: "1",
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: launch.cgroupMode === "v2" ? "1" : "0",
    },
  };
}

/** How a command is run in a machine: in all the leader's namespaces, and killed with the one who asked for it. */
export function enterCommand(leaderPid: number, argv: readonly string[]): readonly string[] {
  return [
    "nsenter",
    `--target=${leaderPid}`,
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
    "--root",
    "--wd",
    "setpriv",
    "--pdeathsig=KILL",
    // As in the machine itself: nobody sets the host's clock from in there.
    "--bounding-set=-sys_time",
    "--inh-caps=-sys_time",
    ...argv,
  ];
}

/** The environment of a command in a machine: a fresh login's, nothing of the host's. */
export function machineEnvironment(term: string | undefined): Record<string, string> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    USER: "root",
    LOGNAME: "root",
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    ...(term === undefined ? {} : { TERM: term }),
  };
}

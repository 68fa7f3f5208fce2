/** A kernel setting that a lab changes, and gives back when the last lab of the host goes down. */
export interface HostSetting {
  /** As below /proc/sys. */
  readonly name: string;
  /** What the machines of a lab need it to be at least; undefined if it is only given back. */
  readonly least?: number;
}

/** Settings of the kernel that machines share with their host. */
export const HOST_SETTINGS: readonly HostSetting[] = [
  // Each machine's systemd, container runtime and kubelet take some 20 of these, all as one user. Where there are no
  // more, units fail in other places every time. The kernel's default, 128, is used up by five machines.
  { name: "fs/inotify/max_user_instances", least: 1024 },
  // Machines' packages and kubelets set these to what they want, which a machine cannot keep to itself.
  { name: "fs/inotify/max_user_watches" },
  { name: "kernel/keys/root_maxbytes" },
  { name: "kernel/keys/root_maxkeys" },
  { name: "kernel/panic" },
  { name: "kernel/panic_on_oops" },
  { name: "vm/overcommit_memory" },
];

export type SettingValues = Readonly<Record<string, string>>;

/** What has to be written so that machines have enough. Nothing is ever made less. */
export function planRaise(settings: readonly HostSetting[], current: SettingValues): SettingValues {
  return Object.fromEntries(
    settings.flatMap(({ name, least }) => {
      const value = current[name];
      return least === undefined || value === undefined || Number(value) >= least
        ? []
        : [[name, String(least)]];
    }),
  );
}

/** What has to be written to give back what was `saved`, whoever changed it since: machines' packages do, too. */
export function planRestore(saved: SettingValues, current: SettingValues): SettingValues {
  return Object.fromEntries(
    Object.entries(saved).filter(([name, value]) => current[name] !== undefined && current[name] !== value),
  );
}

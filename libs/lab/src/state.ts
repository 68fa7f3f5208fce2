import { z } from "zod";

/**
 * A process, so that a number that was given to another process since is not taken for it. `startTicks` is field 22 of
 * /proc/PID/stat (proc_pid_stat(5)).
 */
export const ProcessRef = z.object({ pid: z.int().positive(), startTicks: z.int().nonnegative() });
export type ProcessRef = z.infer<typeof ProcessRef>;

/** Which cgroup version a machine's systemd runs on. */
export const CgroupMode = z.enum(["v1", "v2"]);
export type CgroupMode = z.infer<typeof CgroupMode>;

/** What machines are made of: namespaces of this host's kernel, or a processor emulated with a kernel of its own. */
export const DriverName = z.enum(["nspawn", "qemu"]);
export type DriverName = z.infer<typeof DriverName>;

/** What every machine of a lab is made from, by systemd-nspawn. */
export const NspawnMake = z.object({
  driver: z.literal("nspawn"),
  /** The read-only folders of the machines' root, the uppermost first. */
  layers: z.array(z.string()),
  cgroupMode: CgroupMode,
  /** The folder of this host that all of them see at /mnt/shared. */
  sharedFolder: z.string().optional(),
});
export type NspawnMake = z.infer<typeof NspawnMake>;

/** What every machine of a lab is made from, by QEMU. */
export const QemuMake = z.object({
  driver: z.literal("qemu"),
  /** The Debian tree whose QEMU runs them. */
  tools: z.string(),
  /** The folder of the disk that they begin with, and of the kernel. */
  image: z.string(),
  /** Each machine's memory. */
  memoryMib: z.int().positive(),
  /** Each machine's processors. */
  processors: z.int().positive(),
  /** "tcg" emulates and works anywhere; "kvm" only by the user's express wish. */
  accelerator: z.enum(["tcg", "kvm"]),
});
export type QemuMake = z.infer<typeof QemuMake>;

/** What is recorded of a lab, before it is done: `down` finds everything by it after any crash. */
export const LabState = z.object({
  version: z.literal(2),
  /** "up" once every machine was started; anything else means that a launcher died on its way. */
  phase: z.enum(["starting", "up", "stopping"]),
  /** The host's boot: after a restart of the host nothing of a lab runs any more. */
  bootId: z.string(),
  make: z.discriminatedUnion("driver", [NspawnMake, QemuMake]),
  /** Machines that see each other; machines in no group are together in one more. Empty: everybody sees everybody. */
  groups: z.array(z.array(z.int().positive())),
  /** Machines whose cable is pulled. */
  unplugged: z.array(z.int().positive()),
  /** Whether ip(8) mounted the folder of namespaces for this lab, so that `down` unmounts it again. */
  madeNamespaceFolder: z.boolean(),
});
export type LabState = z.infer<typeof LabState>;

/** What is recorded of a machine. */
export const MachineState = z.object({
  number: z.int().positive(),
  /** Its cgroup in every hierarchy; written down before the first of them is made. */
  cgroups: z.array(z.string()),
  /** Those of them that a command run in the machine has to join. */
  joined: z.array(z.string()),
  /** The parent of systemd-nspawn, which starts it anew when the machine reboots. */
  supervisor: ProcessRef.optional(),
  /** The process that is the machine's life: its process 1 as the host numbers it, or the QEMU that emulates it. */
  leader: ProcessRef.optional(),
});
export type MachineState = z.infer<typeof MachineState>;

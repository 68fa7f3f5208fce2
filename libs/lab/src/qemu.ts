import { hardwareAddress } from "./names.ts";
import type { QemuMake } from "./state.ts";

/** One emulated machine, and where everything of it is on the host. */
export interface Emulation {
  readonly number: number;
  /** The machine's name on the host; the machine itself does not see it. */
  readonly name: string;
  readonly make: QemuMake;
  readonly disk: string;
  /** The small disk that cloud-init reads (NoCloud). */
  readonly seed: string;
  /** The file that the serial port writes to. */
  readonly console: string;
  readonly monitor: string;
  readonly pidFile: string;
}

/** The one network card that leads to other machines ends here, in the machine's network namespace. */
export const TAP = "tap0";

/** Where the host finds a machine, in its network namespace: SSH as 2223 for the first, its screen by VNC as 5900. */
export function sshPort(number: number): number {
  return 2222 + number;
}

export function vncPort(number: number): number {
  return 5899 + number;
}

/** Files of the folder that a machine's image is. */
export const IMAGE_FILES = { disk: "root.raw", kernel: "vmlinuz", initrd: "initrd.img" } as const;

/** The label of the root file system. */
export const ROOT_LABEL = "cluster-os";

const KERNEL_ARGUMENTS = [
  `root=LABEL=${ROOT_LABEL}`,
  "rw",
  "console=tty0",
  "console=ttyS0",
  // Of processors that emulation has none of, at the price of many emulated instructions.
  "mitigations=off",
  // The emulated counter is the host's own and steady; the kernel would rather believe a timer that costs an exit for
  // each look at the clock, and programs in Go look all the time.
  "tsc=reliable",
  "clocksource=tsc",
  // A host with other work keeps a processor from running for longer than these forgive.
  "nowatchdog",
  "rcupdate.rcu_cpu_stall_suppress=1",
];

/**
 * Everything that QEMU can emulate, which OpenSSL and Go make good use of, but for promises that hold on silicon only: that
 * string instructions are the quickest way to copy, byte by byte, and a fifth level of page tables. A tenth of the time of a
 * start of the API server's program.
 */
const EMULATED_PROCESSOR = "max,erms=off,fsrm=off,la57=off";

/** How QEMU runs a machine. */
export function qemuCommand(emulation: Emulation): readonly string[] {
  const { number, name, make, disk, seed, console, monitor, pidFile } = emulation;
  return [
    "qemu-system-x86_64",
    ...["-name", name],
    // Never what happens to open: a /dev/kvm may be one that boots no ordinary kernel.
    ...(make.accelerator === "kvm" ? ["-accel", "kvm"] : ["-accel", "tcg,thread=multi,tb-size=512"]),
    ...["-machine", "q35", "-cpu", make.accelerator === "kvm" ? "host" : EMULATED_PROCESSOR],
    ...["-smp", String(make.processors), "-m", String(make.memoryMib)],
    ...["-nodefaults", "-no-user-config", "-device", "VGA"],
    ...["-display", "none", "-vnc", `127.0.0.1:${vncPort(number) - 5900}`],
    ...["-monitor", `unix:${monitor},server=on,wait=off`, "-serial", `file:${console}`, "-pidfile", pidFile],
    ...["-kernel", `${make.image}/${IMAGE_FILES.kernel}`, "-initrd", `${make.image}/${IMAGE_FILES.initrd}`],
    ...["-append", KERNEL_ARGUMENTS.join(" ")],
    // A power cut takes what the machine had not flushed; the host's own cache outlives QEMU.
    ...["-drive", `file=${disk},if=virtio,format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap`],
    ...["-drive", `file=${seed},if=virtio,format=raw,readonly=on`],
    ...["-netdev", `tap,id=lan,ifname=${TAP},script=no,downscript=no`],
    ...["-device", `virtio-net-pci,netdev=lan,mac=${cardAddress(name)}`],
    // From the host in, for SSH; no way out.
    ...["-netdev", `user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort(number)}-:22`],
    ...["-device", `virtio-net-pci,netdev=host,mac=${hardwareAddress(`${name} host`)}`],
    ...["-object", "rng-random,filename=/dev/urandom,id=random", "-device", "virtio-rng-pci,rng=random"],
  ];
}

/** The address of a machine's card: not that of its cable's end, which is a port of the bridge to it. */
export function cardAddress(name: string): string {
  return hardwareAddress(`${name} card`);
}

/** A file that a machine finds at its first boot. */
export interface SeedFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** What cloud-init reads: files, and the key that opens SSH for root. JSON is YAML, and nothing in it needs quoting. */
export function renderUserData(publicKey: string, files: readonly SeedFile[]): string {
  const data = {
    ssh_authorized_keys: [publicKey],
    write_files: files.map(({ path, content, mode }) => ({
      path,
      permissions: `0${mode.toString(8)}`,
      content,
    })),
  };
  return `#cloud-config\n${JSON.stringify(data, undefined, 2)}\n`;
}

/** cloud-init does its work once for each name. */
export function renderMetaData(name: string): string {
  return `${JSON.stringify({ "instance-id": name })}\n`;
}

/** The last words of a kernel that gave up, out of what a serial console heard; undefined of one that lives. */
export function findPanic(heard: string): string | undefined {
  const lines = heard.split("\n").map((line) => line.replace(/\r$/, ""));
  const at = lines.findIndex((line) => /Kernel panic - not syncing|end Kernel panic/.test(line));
  if (at < 0) return undefined;
  // Before it, the reason; after it, who was at work.
  const reasons = lines
    .slice(Math.max(0, at - 12), at)
    .filter((line) => /BUG:|Oops|RIP:|WARNING:|general protection/.test(line));
  return [...reasons, lines[at] ?? ""].map((line) => line.trim()).join(" | ");
}

/** A command for a remote shell, as exactly these words. */
export function quoteForShell(argv: readonly string[]): string {
  return argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

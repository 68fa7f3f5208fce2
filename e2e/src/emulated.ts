import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeStatus } from "@cluster-os/api";
import { LocalApiClient } from "@cluster-os/api/drivers";
import { Lab } from "@cluster-os/lab";
import { bundleContract } from "@cluster-os/node-wireguard/guest";
import { waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { LAB } from "./cluster-os.ts";

/** Emulated machines are asked seldom: a look costs them seconds of their processor. */
const EVERY_MS = 5_000;
/** A login and a kubectl of the machine's own cost it more. */
export const SELDOM_MS = 20_000;

/** What the package brings, and a folder that goes with the machine's power. */
const PACKAGE = "/usr/lib/cluster-os";
const SUITE = "/run/contract";

export const lab = new Lab({ name: LAB });

/** Waits for a condition, prints how long that took, and ends at once with the last words of a kernel that panics. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs: number,
  everyMs = EVERY_MS,
): Promise<void> {
  const started = performance.now();
  const panic = await waitFor(async () => (await findPanic()) ?? ((await condition()) && "well"), {
    what,
    timeoutMs,
    everyMs,
  });
  if (panic !== "well") throw new Error(panic);
  console.log(`        (${what}: ${((performance.now() - started) / 1000).toFixed(0)} s)`);
}

async function findPanic(): Promise<string | undefined> {
  for (const machine of await lab.machines()) {
    const { fault } = await machine.status();
    if (fault !== undefined) return `the kernel of ${machine.name} panicked: ${fault}`;
  }
  return undefined;
}

/** Whether a program on machine `number` succeeds. */
export async function succeedsOn(number: number, ...argv: readonly string[]): Promise<boolean> {
  return (await (await lab.machine(number)).exec(argv)).exitCode === 0;
}

/** The name of the node that machine `number` became. */
export async function nameOf(number: number): Promise<string> {
  return on(number, "hostname");
}

/** WireGuard's own account: seconds since the epoch of each peer's last handshake, 0 for never. */
export async function handshakesOf(number: number): Promise<readonly number[]> {
  const lines = (await on(number, "wg", "show", "cos0", "latest-handshakes")).split("\n");
  return lines.map((line) => Number(line.split("\t")[1]));
}

/** What a program on machine `number` printed. */
export async function on(number: number, ...argv: readonly string[]): Promise<string> {
  return (await (await lab.machine(number)).run(argv)).trim();
}

/**
 * Runs the contract suite of the WireGuard binding on machine `number`, with the machine's own Node and native half, and
 * gives what it printed. The machine's mesh is not touched: the suite has a network namespace of its own.
 */
export async function runContract(number: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "contract-"));
  try {
    await bundleContract(folder);
    const packed = await execa("tar", ["--create", "--directory", folder, "."], { encoding: "buffer" });
    const machine = await lab.machine(number);
    await machine.run(["mkdir", "--parents", SUITE]);
    await machine.run(["tar", "--extract", "--directory", SUITE], { stdin: packed.stdout });
    // The suite looks for the native half beside itself.
    await machine.run([
      "ln",
      "--symbolic",
      "--force",
      "--no-target-directory",
      `${PACKAGE}/native`,
      `${SUITE}/native`,
    ]);
    const { exitCode, stdout, stderr } = await machine.exec([`${PACKAGE}/bin/node`, `${SUITE}/contract.js`]);
    if (exitCode !== 0) throw new Error(`the suite failed:\n${stdout}${stderr}`);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function bootOf(number: number): Promise<string> {
  return on(number, "cat", "/proc/sys/kernel/random/boot_id");
}

/** What bootstrap says of its machine. */
export async function statusOf(number: number): Promise<NodeStatus> {
  const machine = await lab.machine(number);
  const socketPath = await machine.localApi();
  return new LocalApiClient({ socketPath, patience: machine.slowness }).status();
}

/** What the kernel says of a network interface: "wireguard" for one of its own, "tun" for a program's. */
export async function kindOfLink(number: number, name: string): Promise<string | undefined> {
  const [link] = JSON.parse(await on(number, "ip", "-details", "-json", "link", "show", name)) as readonly {
    readonly linkinfo?: { readonly info_kind?: string };
  }[];
  return link?.linkinfo?.info_kind;
}

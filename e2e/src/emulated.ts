import { Lab } from "@cluster-os/lab";
import type { NodeStatus } from "@cluster-os/api";
import { LocalApiClient } from "@cluster-os/api/drivers";
import { waitFor } from "@cluster-os/std/drivers";
import { LAB } from "./cluster-os.ts";

/** Emulated machines are asked seldom: a look costs them seconds of their processor. */
const EVERY_MS = 5_000;

export const lab = new Lab({ name: LAB });

/** Waits for a condition, prints how long that took, and ends at once with the last words of a kernel that panics. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const started = performance.now();
  const panic = await waitFor(async () => (await findPanic()) ?? ((await condition()) && "well"), {
    what,
    timeoutMs,
    everyMs: EVERY_MS,
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

export async function bootOf(number: number): Promise<string> {
  return on(number, "cat", "/proc/sys/kernel/random/boot_id");
}

/** What bootstrap says of its machine. */
export async function statusOf(number: number): Promise<NodeStatus> {
  const socketPath = await (await lab.machine(number)).localApi();
  return new LocalApiClient({ socketPath }).status();
}

/** What the kernel says of a network interface: "wireguard" for one of its own, "tun" for a program's. */
export async function kindOfLink(number: number, name: string): Promise<string | undefined> {
  const [link] = JSON.parse(await on(number, "ip", "-details", "-json", "link", "show", name)) as readonly {
    readonly linkinfo?: { readonly info_kind?: string };
  }[];
  return link?.linkinfo?.info_kind;
}

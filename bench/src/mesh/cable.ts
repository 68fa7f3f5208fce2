import { access, readdir } from "node:fs/promises";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import { ROLE } from "./roles.ts";

/** Two ends of a cable, each a network namespace of its own. Dispose it to remove all. */
export const ENDS = ["a", "b"] as const;
export type End = (typeof ENDS)[number];

const PREFIX = "cos-bench-";
const PORT = 5201;

export class Cable implements AsyncDisposable {
  readonly #daemons: ChildProcess[] = [];

  static async lay(): Promise<Cable> {
    await removeLeftovers();
    const cable = new Cable();
    try {
      for (const end of ENDS) await ip("netns", "add", cable.namespace(end));
      const far = ["peer", "name", "eth0", "netns", cable.namespace("b")];
      await ip("link", "add", "eth0", "netns", cable.namespace("a"), "type", "veth", ...far);
      for (const end of ENDS) {
        await ip("-n", cable.namespace(end), "address", "add", `${cable.address(end)}/24`, "dev", "eth0");
        await ip("-n", cable.namespace(end), "link", "set", "eth0", "up");
      }
      return cable;
    } catch (error) {
      await cable[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) {
      // It removes its socket.
      daemon.kill("SIGTERM");
      await once(daemon, "exit");
    }
    for (const end of ENDS) await execa("ip", ["netns", "delete", this.namespace(end)], { reject: false });
  }

  namespace(end: End): string {
    return `${PREFIX}${process.pid}-${end}`;
  }

  /** On the cable itself. */
  address(end: End): string {
    return `192.0.2.${ENDS.indexOf(end) + 1}`;
  }

  /** A daemon in an end's namespace; it is there once `path` is. */
  async start(end: End, argv: readonly string[], path: string): Promise<void> {
    const env = { ...process.env, WG_PROCESS_FOREGROUND: "1", LOG_LEVEL: "error" };
    const daemon = spawn("ip", ["netns", "exec", this.namespace(end), ...argv], { stdio: "ignore", env });
    this.#daemons.push(daemon);
    await waitFor(() => access(path).then(() => true), { what: path, timeoutMs: 30_000 });
  }

  /** This program in a role, in an end's namespace; what it is told goes through its standard input. */
  async play(end: End, role: readonly string[], input = ""): Promise<string> {
    return (await execa("ip", this.#roleArgs(end, role), { input })).stdout;
  }

  /** Sends from a to b, at an address of b, for so long; what arrived there. */
  async transfer(address: string, seconds: number): Promise<{ readonly bytes: number; readonly ms: number }> {
    const receiver = execa("ip", this.#roleArgs("b", ["receive", address, String(PORT), String(seconds)]));
    const iterator = receiver.iterable()[Symbol.asyncIterator]();
    await iterator.next();
    await this.play("a", ["send", address, String(PORT)]);
    const received: IteratorResult<unknown> = await iterator.next();
    await receiver;
    return JSON.parse(String(received.value)) as { readonly bytes: number; readonly ms: number };
  }

  /** Of a small packet from a to an address of b and back, on average, in microseconds. */
  async roundTrip(address: string): Promise<number> {
    const ping = ["ping", "-n", "-q", "-c", "300", "-i", "0.002", address];
    const { stdout } = await execa("ip", ["netns", "exec", this.namespace("a"), ...ping]);
    // The last line: rtt min/avg/max/mdev = 0.034/0.061/0.211/0.012 ms
    return 1000 * Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1]);
  }

  #roleArgs(end: End, role: readonly string[]): readonly string[] {
    const self = [process.execPath, ...process.execArgv, process.argv[1] ?? ""];
    return ["netns", "exec", this.namespace(end), ...self, ROLE, ...role];
  }
}

/** What a measurement that was killed left behind. Names hold the process's ID. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir("/run/netns").catch(() => [])) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || (await isThere(`/proc/${pid}`))) continue;
    const { stdout } = await execa("ip", ["netns", "pids", name]);
    for (const left of stdout.split("\n").filter((line) => line !== ""))
      process.kill(Number(left), "SIGKILL");
    await execa("ip", ["netns", "delete", name]);
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export async function ip(...args: readonly string[]): Promise<void> {
  await execa("ip", args);
}

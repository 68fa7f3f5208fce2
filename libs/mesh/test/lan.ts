import { spawn, type ChildProcess } from "node:child_process";
import { access, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";

/** Why the tests on real interfaces cannot run here; undefined when they can. */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "they make network namespaces: run them as root";
  return access("/dev/net/tun").then(
    () => undefined,
    () => "this kernel has no /dev/net/tun",
  );
}

/** wireguard-go from its pinned module. Go's own build cache makes all builds but the first short. */
export async function buildWireGuardGo(): Promise<string> {
  const program = join(homedir(), ".cache/cluster-os/mesh-test/wireguard-go");
  const args = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program];
  await execa("go", [...args, "golang.zx2c4.com/wireguard"], {
    cwd: resolve(import.meta.dirname, "../../../tools/wireguard-go"),
    env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local" },
  });
  return program;
}

export interface LanMachine {
  readonly namespace: string;
  /** Name of its WireGuard interface; unique, since all sockets share one folder. */
  readonly device: string;
  /** IPv6 link-local address of eth0. */
  readonly linkLocal: string;
}

let lanCount = 0;

/** Machines on one cable without any way out, each a network namespace with a wireguard-go. Dispose it to remove all. */
export class Lan implements AsyncDisposable {
  readonly machines: LanMachine[] = [];
  readonly #id = `${process.pid}-${(lanCount += 1)}`;
  readonly #namespaces: string[] = [];
  readonly #daemons: ChildProcess[] = [];

  static async open(count: number, program: string): Promise<Lan> {
    const lan = new Lan();
    try {
      const cable = await lan.#namespace("lan");
      await ip("-n", cable, "link", "add", "br0", "type", "bridge");
      await ip("-n", cable, "link", "set", "br0", "up");
      for (let number = 1; number <= count; number += 1) await lan.#addMachine(number, cable, program);
      return lan;
    } catch (error) {
      await lan[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) daemon.kill("SIGKILL");
    for (const { device } of this.machines) await rm(`/var/run/wireguard/${device}.sock`, { force: true });
    for (const namespace of this.#namespaces) await ip("netns", "delete", namespace);
  }

  async #addMachine(number: number, cable: string, program: string): Promise<void> {
    const namespace = await this.#namespace(`m${number}`);
    const device = `cmt${this.#id}-${number}`;
    await ip(
      "-n",
      cable,
      "link",
      "add",
      `v${number}`,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      namespace,
    );
    await ip("-n", cable, "link", "set", `v${number}`, "master", "br0", "up");
    await ip("-n", namespace, "link", "set", "eth0", "up");
    const linkLocal = await waitFor(() => linkLocalOf(namespace), {
      what: `an address in ${namespace}`,
      timeoutMs: 10_000,
    });
    const env = { ...process.env, WG_PROCESS_FOREGROUND: "1" };
    this.#daemons.push(spawn("ip", ["netns", "exec", namespace, program, device], { env, stdio: "ignore" }));
    const socket = `/var/run/wireguard/${device}.sock`;
    await waitFor(() => access(socket).then(() => true), { what: socket, timeoutMs: 10_000 });
    this.machines.push({ namespace, device, linkLocal });
  }

  async #namespace(name: string): Promise<string> {
    const namespace = `cos-mesh-test-${this.#id}-${name}`;
    await ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** The link-local address once duplicate address detection has let it go. */
async function linkLocalOf(namespace: string): Promise<string | undefined> {
  const [link] = JSON.parse(await ip("-n", namespace, "-json", "-6", "address", "show", "dev", "eth0")) as {
    addr_info: { local: string; tentative?: boolean }[];
  }[];
  return link?.addr_info.find(({ tentative }) => tentative !== true)?.local;
}

export async function ip(...args: readonly string[]): Promise<string> {
  return (await execa("ip", args)).stdout;
}

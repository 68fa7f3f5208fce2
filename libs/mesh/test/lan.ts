import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";

const SOURCE = resolve(import.meta.dirname, "../../../tools/wireguard-go");
/** Where wireguard-go puts its sockets, whatever its namespace: mounts are shared. */
export const SOCKET_FOLDER = "/var/run/wireguard";
const PREFIX = "cos-mesh-test";

/** Why the tests on real interfaces cannot run here; undefined when they can. */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "they make network namespaces: run them as root";
  return access("/dev/net/tun").then(
    () => undefined,
    () => "there is no /dev/net/tun: load the kernel's tun module",
  );
}

/** wireguard-go as tools/wireguard-go builds it, kept by the hash of that folder. */
export async function buildWireGuardGo(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(SOURCE)).sort())
    hash.update(`${name}\0`).update(await readFile(join(SOURCE, name)));
  const cache = process.env["CLUSTER_OS_CACHE"] ?? join(homedir(), ".cache/cluster-os");
  const program = join(cache, "wireguard-go", hash.digest("hex"), "wireguard-go");
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (!isThere) await execa(join(SOURCE, "build.sh"), [program]);
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
  readonly #program: string;
  readonly #id = `${process.pid}-${(lanCount += 1)}`;
  readonly #namespaces: string[] = [];
  readonly #daemons = new Map<string, ChildProcess>();

  private constructor(program: string) {
    this.#program = program;
  }

  static async open(count: number, program: string): Promise<Lan> {
    await removeLeftovers();
    const lan = new Lan(program);
    try {
      const cable = await lan.#namespace("lan");
      await ip("-n", cable, "link", "add", "br0", "type", "bridge");
      await ip("-n", cable, "link", "set", "br0", "up");
      const numbers = Array.from({ length: count }, (_, at) => at + 1);
      lan.machines.push(...(await Promise.all(numbers.map((number) => lan.#makeMachine(number, cable)))));
      return lan;
    } catch (error) {
      await lan[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [device] of this.#daemons) await this.stopDaemon(device);
    for (const namespace of this.#namespaces.splice(0)) await removeNamespace(namespace);
  }

  /** The daemon's sudden death: the interface goes with it, the socket stays behind. */
  async stopDaemon(device: string): Promise<void> {
    const daemon = this.#daemons.get(device);
    this.#daemons.delete(device);
    if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
    }
    await rm(join(SOCKET_FOLDER, `${device}.sock`), { force: true });
  }

  async startDaemon({ namespace, device }: Pick<LanMachine, "namespace" | "device">): Promise<void> {
    const env = { ...process.env, WG_PROCESS_FOREGROUND: "1" };
    const daemon = spawn("ip", ["netns", "exec", namespace, this.#program, device], { env, stdio: "ignore" });
    this.#daemons.set(device, daemon);
    const socket = join(SOCKET_FOLDER, `${device}.sock`);
    await waitFor(() => access(socket).then(() => true), { what: socket, timeoutMs: 10_000 });
  }

  async #makeMachine(number: number, cable: string): Promise<LanMachine> {
    const namespace = await this.#namespace(`m${number}`);
    const peer = ["peer", "name", "eth0", "netns", namespace];
    await ip("-n", cable, "link", "add", `v${number}`, "type", "veth", ...peer);
    await ip("-n", cable, "link", "set", `v${number}`, "master", "br0", "up");
    await ip("-n", namespace, "link", "set", "lo", "up");
    await ip("-n", namespace, "link", "set", "eth0", "up");
    const machine = { namespace, device: `cmt${this.#id}-${number}` };
    await this.startDaemon(machine);
    const wait = { what: `an address in ${namespace}`, timeoutMs: 10_000 };
    return { ...machine, linkLocal: await waitFor(() => linkLocalOf(namespace), wait) };
  }

  async #namespace(name: string): Promise<string> {
    const namespace = `${PREFIX}-${this.#id}-${name}`;
    await ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** What a test process that was killed left behind. Names hold the process's ID. */
async function removeLeftovers(): Promise<void> {
  const isDead = async (pid: string | undefined): Promise<boolean> =>
    pid !== undefined &&
    !(await access(`/proc/${pid}`).then(
      () => true,
      () => false,
    ));
  const namespaces = await readdir("/run/netns").catch(() => []);
  for (const name of namespaces) {
    if (await isDead(new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1])) await removeNamespace(name);
  }
  for (const socket of await readdir(SOCKET_FOLDER).catch(() => [])) {
    if (await isDead(/^cmt(\d+)-/.exec(socket)?.[1])) await rm(join(SOCKET_FOLDER, socket), { force: true });
  }
}

async function removeNamespace(name: string): Promise<void> {
  for (const pid of (await ip("netns", "pids", name)).split("\n").filter((line) => line !== "")) {
    process.kill(Number(pid), "SIGKILL");
  }
  await ip("netns", "delete", name);
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

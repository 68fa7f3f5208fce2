import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const PREFIX = "cos-fw-test";
const GUEST = join(import.meta.dirname, "guest.ts");

/** Why the tests in namespaces cannot run here; undefined when they can. */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "they make network namespaces: run them as root";
  const { failed } = await execa("nft", ["--version"], { reject: false });
  return failed ? "there is no nft: install the package nftables" : undefined;
}

/**
 * A machine in a network namespace without any way out, with an `eth0` to a neighbour on its LAN, a `cos0` to another member,
 * a `cni0` to a pod and a `docker0` to a container: each of them a namespace too. Dispose it to remove all.
 */
export class Surroundings implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];
  readonly #namespaces: string[] = [];

  static async open(): Promise<Surroundings> {
    await removeLeftovers();
    const surroundings = new Surroundings();
    try {
      await surroundings.#build();
      return surroundings;
    } catch (error) {
      await surroundings[Symbol.asyncDispose]();
      throw error;
    }
  }

  namespace(name: string): string {
    return `${PREFIX}-${process.pid}-${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    for (const namespace of this.#namespaces.splice(0)) await ip("netns", "delete", namespace);
  }

  /** Programs that answer on these TCP and UDP ports of all the machine's addresses. */
  async listen(place: string, ports: readonly number[]): Promise<void> {
    const words = [
      "netns",
      "exec",
      this.namespace(place),
      process.execPath,
      GUEST,
      "listen",
      ...ports.map(String),
    ];
    const child = spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.push(child);
    await once(child.stdout, "data");
  }

  /** Those of the targets that answered somebody there; all of `awaited` have to. */
  async probe(
    place: string,
    targets: readonly string[],
    awaited: readonly string[],
  ): Promise<readonly string[]> {
    const words = [process.execPath, GUEST, "probe", targets.join(","), awaited.join(",")];
    return JSON.parse(await this.run(place, ...words)) as readonly string[];
  }

  async run(place: string, ...words: readonly string[]): Promise<string> {
    return (await this.start(place, ...words)).stdout;
  }

  start(place: string, ...words: readonly string[]) {
    return execa("ip", ["netns", "exec", this.namespace(place), ...words]);
  }

  async #build(): Promise<void> {
    const machine = await this.#add("machine");
    for (const [name, device, subnet] of [
      ["neighbour", "eth0", "192.0.2"],
      ["member", "cos0", "10.86.0"],
      ["pod", "cni0", "10.112.1"],
      ["container", "docker0", "172.17.0"],
    ] as const) {
      const other = await this.#add(name);
      const peer = ["peer", "name", "eth0", "netns", other];
      await ip("-n", machine, "link", "add", device, "type", "veth", ...peer);
      for (const [namespace, link, host] of [
        [machine, device, 1],
        [other, "eth0", 9],
      ] as const) {
        await ip("-n", namespace, "address", "add", `${subnet}.${host}/24`, "dev", link);
        await ip("-n", namespace, "link", "set", link, "up");
      }
      await ip("-n", other, "route", "add", "default", "via", `${subnet}.1`);
    }
    for (const [namespace, host] of [
      [machine, 1],
      [this.namespace("neighbour"), 9],
    ] as const) {
      await ip("-n", namespace, "address", "add", `fd00:db8::${host}/64`, "dev", "eth0", "nodad");
    }
    await this.run("machine", "sysctl", "-qw", "net.ipv4.ip_forward=1");
  }

  async #add(name: string): Promise<string> {
    const namespace = this.namespace(name);
    await ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    await ip("-n", namespace, "link", "set", "lo", "up");
    return namespace;
  }
}

/** What a test process that was killed left behind. Names hold the process's ID. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir("/run/netns").catch(() => [])) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid === undefined) continue;
    const isAlive = await access(`/proc/${pid}`).then(
      () => true,
      () => false,
    );
    if (isAlive) continue;
    for (const left of (await ip("netns", "pids", name)).split("\n").filter((line) => line !== ""))
      process.kill(Number(left), "SIGKILL");
    await ip("netns", "delete", name);
  }
}

async function ip(...args: readonly string[]): Promise<string> {
  return (await execa("ip", args)).stdout;
}

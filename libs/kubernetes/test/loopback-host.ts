import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { linuxHost, type Command, type CommandResult, type Host } from "../src/drivers/index.ts";
import { saveLines } from "../src/drivers/https.ts";
import type { DownloadTarget, HttpsRequest, HttpsResponse } from "../src/drivers/host.ts";
import { PATHS } from "../src/settings.ts";
import { startEtcdProcess } from "./etcd-process.ts";

const done: CommandResult = { exitCode: 0, stdout: "", stderr: "" };

/** A member of etcd as a test runs it, on ports of the loopback. */
export interface EtcdProcess {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
}

export function startEtcd(hyperkube: string, folder: string, self: EtcdProcess, all: readonly EtcdProcess[]) {
  const peer = `http://127.0.0.1:${self.peer}`;
  const client = `http://127.0.0.1:${self.client}`;
  const options = {
    name: self.name,
    "data-dir": folder,
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": all.map(({ name, peer: port }) => `${name}=http://127.0.0.1:${port}`).join(","),
  };
  return startEtcdProcess([hyperkube, "etcd"], options);
}

/** Asks etcd's JSON gateway. */
export async function ask(port: number, call: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/v3/${call}`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  return (await response.json()) as Record<string, unknown>;
}

/**
 * A server whose files lie below a folder, and whose kubelet starts and ends a real etcd as its manifest comes and goes.
 * Everything else of it is made up.
 */
export class LoopbackHost implements Host {
  readonly patience = 1;
  readonly inspect: Host["inspect"] = () => linuxHost.inspect();
  readonly #root: string;
  readonly #hyperkube: string;
  readonly #member: EtcdProcess;
  #etcd: ReturnType<typeof startEtcd> | undefined;

  constructor(root: string, hyperkube: string, member: EtcdProcess) {
    this.#root = root;
    this.#hyperkube = hyperkube;
    this.#member = member;
  }

  at = (path: string): string => join(this.#root, path);
  readFile = (path: string) => linuxHost.readFile(this.at(path));
  list = (folder: string) => linuxHost.list(this.at(folder));
  makeFolder = (path: string, mode: number) => linuxHost.makeFolder(this.at(path), mode);
  move = (from: string, to: string) => linuxHost.move(this.at(from), this.at(to));
  link = (from: string, to: string) => linuxHost.link(this.at(from), this.at(to));
  empty = (folder: string) => linuxHost.empty(this.at(folder));
  setKernelParameter = () => Promise.resolve(true);

  async writeFile(path: string, content: string, mode: number): Promise<boolean> {
    const isChanged = await linuxHost.writeFile(this.at(path), content, mode);
    await this.settle();
    return isChanged;
  }

  async remove(path: string): Promise<void> {
    await linuxHost.remove(this.at(path));
    await this.settle();
  }

  async run({ file, args }: Command): Promise<CommandResult> {
    if (file === "systemctl") return done;
    if (file === "ctr") {
      const isRunning = this.#etcd !== undefined;
      if (args.includes("tasks"))
        return { ...done, stdout: isRunning ? "TASK PID STATUS\netcd 7 RUNNING" : "" };
      return { ...done, stdout: isRunning && args.some((word) => word.endsWith("==etcd")) ? "etcd" : "" };
    }
    const mapped = args.map((word) => word.replace(/(^|=)\/var\//, `$1${this.#root}/var/`));
    const command: readonly string[] = file === "etcdutl" ? [this.#hyperkube, file] : [file];
    const [program = "", ...words] = [...command, ...mapped];
    const { exitCode, stdout, stderr } = await execa(program, words, { reject: false });
    return { exitCode, stdout, stderr };
  }

  /** What the kubelet does once it has seen the manifests. */
  async settle(): Promise<void> {
    const isWanted = existsSync(this.at(`${PATHS.manifests}/etcd.yaml`));
    if (isWanted && !this.#etcd) {
      this.#etcd = startEtcd(this.#hyperkube, this.at(PATHS.etcdFolder), this.#member, [this.#member]);
    } else if (!isWanted && this.#etcd) {
      this.#etcd.kill("SIGTERM");
      await this.#etcd;
      this.#etcd = undefined;
    }
  }

  /** Takes over a member that was started as one of several. */
  adopt(etcd: ReturnType<typeof startEtcd>): void {
    this.#etcd = etcd;
  }

  async stop(): Promise<void> {
    this.#etcd?.kill("SIGKILL");
    await this.#etcd;
  }

  /** The API server is as ready as etcd. */
  async request(): Promise<HttpsResponse> {
    const response = await fetch(`http://127.0.0.1:${this.#member.client}/health`);
    const { health } = (await response.json()) as { health: string };
    return { status: health === "true" ? 200 : 500, body: "" };
  }

  async download({ url, body }: HttpsRequest, { path, decode }: DownloadTarget): Promise<void> {
    const { pathname } = new URL(url);
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ port: this.#member.client, path: pathname, method: "POST" }, resolve);
      call.on("error", reject);
      call.end(body);
    });
    await saveLines(incoming, { path: this.at(path), decode });
  }
}

export async function prepareFolder(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await linuxHost.writeFile(join(root, path), content, 0o600);
  }
}

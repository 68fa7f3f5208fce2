import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linuxHost } from "../src/drivers/index.ts";
import type { Command, CommandResult, Host, HttpsRequest, HttpsResponse } from "../src/drivers/index.ts";
import { K3S_UNITS } from "../src/k3s-settings.ts";
import type { MachineFacts } from "../src/machine.ts";
import type { FakeCluster, FakeNode } from "./fake-cluster.ts";
import { startFakeK3s } from "./fake-k3s.ts";
import { realMachine } from "./fixtures.ts";

const done: CommandResult = { exitCode: 0, stdout: "", stderr: "" };
const failed: CommandResult = { exitCode: 1, stdout: "", stderr: "no" };

/** A machine whose files are real ones below a temporary folder, and whose k3s is a fake. */
export class FakeK3sMachine implements Host, FakeNode {
  readonly patience: number = 1;
  readonly root = mkdtempSync(join(tmpdir(), "k3s-machine-"));
  readonly trace: string[] = [];
  readonly commands: Command[] = [];
  readonly active = new Set<string>();
  /** What k3s said when it did not start. */
  readonly journal: string[] = [];
  readonly etcdPort = "2382";
  facts: MachineFacts = realMachine;
  readonly name: string;
  readonly address: string;
  readonly #cluster: FakeCluster;

  constructor(cluster: FakeCluster, name: string, address: string) {
    this.#cluster = cluster;
    this.name = name;
    this.address = address;
    cluster.machines.set(address, this);
  }

  get memberName(): string {
    return `${this.name}-0badc0de`;
  }

  get isServing(): boolean {
    return this.active.has(K3S_UNITS.server);
  }

  get hasEtcd(): boolean {
    return this.isServing && this.#cluster.members.some(({ name }) => name === this.memberName);
  }

  modeOf(path: string): number {
    return statSync(join(this.root, path)).mode & 0o777;
  }

  discard(): void {
    this.active.clear();
    rmSync(this.root, { recursive: true, force: true });
  }

  download(): Promise<void> {
    return Promise.reject(new Error("snapshots of k3s are its own"));
  }

  async run(command: Command): Promise<CommandResult> {
    const line = [command.file, ...command.args].join(" ");
    this.commands.push(command);
    this.#note(`run ${line}`);
    if (command.file === "iptables") return command.args.includes("-C") ? failed : done;
    return command.file === "systemctl" ? this.#systemctl(command.args) : done;
  }

  async request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsResponse> {
    signal.throwIfAborted();
    this.#note(`${request.method} ${request.url}`);
    return this.#cluster.answer(this, request);
  }

  readFile(path: string): Promise<string | undefined> {
    return linuxHost.readFile(this.#at(path));
  }

  async writeFile(path: string, content: string, mode: number): Promise<boolean> {
    const isChanged = await linuxHost.writeFile(this.#at(path), content, mode);
    if (isChanged) this.#note(`write ${path} ${mode.toString(8)}`);
    return isChanged;
  }

  async setKernelParameter(name: string, value: string): Promise<boolean> {
    this.#note(`set ${name}=${value}`);
    return true;
  }

  async makeFolder(path: string, mode: number): Promise<void> {
    this.#note(`folder ${path} ${mode.toString(8)}`);
    await linuxHost.makeFolder(this.#at(path), mode);
  }

  list(folder: string): Promise<readonly string[]> {
    return linuxHost.list(this.#at(folder));
  }

  async remove(path: string): Promise<void> {
    this.#note(`remove ${path}`);
    await linuxHost.remove(this.#at(path));
  }

  async move(from: string, to: string): Promise<void> {
    this.#note(`move ${from} ${to}`);
    await linuxHost.move(this.#at(from), this.#at(to));
  }

  async link(from: string, to: string): Promise<void> {
    this.#note(`link ${from} ${to}`);
    await linuxHost.link(this.#at(from), this.#at(to));
  }

  async empty(folder: string): Promise<void> {
    this.#note(`empty ${folder}`);
    await linuxHost.empty(this.#at(folder));
  }

  inspect(): Promise<MachineFacts> {
    return Promise.resolve(this.facts);
  }

  #at(path: string): string {
    return join(this.root, path);
  }

  /** Looking twice is no other step than looking once. */
  #note(step: string): void {
    if (this.trace.at(-1) !== step) this.trace.push(step);
  }

  #systemctl(args: readonly string[]): CommandResult {
    const [verb, ...rest] = args.filter((word) => word !== "--no-block");
    const unit = rest.at(-1) ?? "";
    if (verb === "is-active") return this.active.has(unit) ? done : failed;
    if (verb === "stop") {
      this.active.delete(unit);
      return done;
    }
    try {
      if (unit === K3S_UNITS.server) startFakeK3s("server", this, this.root, this.#cluster);
      if (unit === K3S_UNITS.worker) startFakeK3s("agent", this, this.root, this.#cluster);
    } catch (error) {
      this.journal.push((error as Error).message);
      return failed;
    }
    this.active.add(unit);
    return done;
  }
}

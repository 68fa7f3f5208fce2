import { parseAllDocuments, stringify } from "yaml";
import type { Command, CommandResult, Host, HttpsRequest, HttpsResponse } from "../src/drivers/index.ts";
import type { MachineFacts } from "../src/machine.ts";
import { PATHS } from "../src/settings.ts";
import type { FakeCluster, FakeNode } from "./fake-cluster.ts";
import { CA_CERTIFICATE, labMachine, NEW_CERTIFICATE } from "./fixtures.ts";

const done: CommandResult = { exitCode: 0, stdout: "", stderr: "" };
const failed: CommandResult = { exitCode: 1, stdout: "", stderr: "no" };

interface UpgradeConfiguration {
  readonly apply: { readonly kubernetesVersion: string };
  readonly node: { readonly skipPhases: readonly string[] };
}

function manifestOf(name: string, version: string): string {
  return `kind: Pod\nspec:\n  containers:\n    - image: registry.local/${name}:${version}\n`;
}

/**
 * A machine made of a map of files. It does what kubeadm, systemd and containerd do as far as the driver can see it, and
 * keeps a trace of what the driver did. Commands are matched by their beginning; `failing` lists those that fail.
 */
export class FakeMachine implements Host, FakeNode {
  readonly patience: number = 1;
  readonly files = new Map<string, string>([
    [PATHS.version, "v1.34.4\n"],
    [PATHS.program, "hyperkube v1.34.4"],
  ]);
  readonly modes = new Map<string, number>();
  readonly trace: string[] = [];
  readonly commands: Command[] = [];
  readonly failing: string[] = [];
  /** What kubeadm writes when it fails. */
  lastWords = "advice\nerror: it broke\nmore advice\n";
  readonly active = new Set<string>();
  /** Containers that were told to end. */
  readonly ended = new Set<string>();
  /** Names of containers in somebody's own pods. */
  readonly strangers: string[] = [];
  facts: MachineFacts = labMachine;
  /** What the kubelet's unit ran when it was last started. */
  kubelet: string | undefined;
  /** Told after each command how many there were since it was set. */
  set afterCommand(hear: (count: number) => unknown) {
    const before = this.commands.length;
    this.#afterCommand = () => void hear(this.commands.length - before);
  }
  #afterCommand: () => void = () => undefined;
  readonly name: string;
  readonly address: string;
  readonly #cluster: FakeCluster;

  constructor(cluster: FakeCluster, name: string, address: string) {
    this.#cluster = cluster;
    this.name = name;
    this.address = address;
    cluster.machines.set(address, this);
  }

  readonly etcdPort = "2379";

  get memberName(): string {
    return this.name;
  }

  get hasEtcd(): boolean {
    return this.files.has(`${PATHS.manifests}/etcd.yaml`);
  }

  get isServing(): boolean {
    return this.files.has(`${PATHS.manifests}/kube-apiserver.yaml`) && this.active.has("kubelet.service");
  }

  async run(command: Command, signal: AbortSignal): Promise<CommandResult> {
    const line = [command.file, ...command.args].join(" ");
    signal.throwIfAborted();
    this.commands.push(command);
    this.#note(`run ${line}`);
    this.#afterCommand();
    if (this.failing.some((start) => line.startsWith(start))) {
      if (command.logPath !== undefined) this.files.set(command.logPath, this.lastWords);
      return failed;
    }
    switch (command.file) {
      case "systemctl":
        return this.#systemctl(command.args);
      case "kubeadm":
        return this.#kubeadm(command.args);
      case "etcd":
        return this.#fillEtcd(command, signal);
      case "ctr":
        return this.#ctr(command.args);
      case "iptables":
        return command.args.includes("-C") ? failed : done;
      default:
        return done;
    }
  }

  async request(request: HttpsRequest, signal: AbortSignal): Promise<HttpsResponse> {
    signal.throwIfAborted();
    this.#note(`${request.method} ${request.url}`);
    return this.#cluster.answer(this, request);
  }

  download(_: HttpsRequest, { path }: { readonly path: string }): Promise<void> {
    this.files.set(path, "a snapshot");
    this.modes.set(path, 0o600);
    return Promise.resolve();
  }

  readFile(path: string): Promise<string | undefined> {
    return Promise.resolve(this.files.get(path));
  }

  async writeFile(path: string, content: string, mode: number): Promise<boolean> {
    if (this.files.get(path) === content) return false;
    this.#note(`write ${path} ${mode.toString(8)}`);
    this.files.set(path, content);
    this.modes.set(path, mode);
    return true;
  }

  async setKernelParameter(name: string, value: string): Promise<boolean> {
    this.#note(`set ${name}=${value}`);
    return true;
  }

  async makeFolder(path: string, mode: number): Promise<void> {
    this.#note(`folder ${path} ${mode.toString(8)}`);
  }

  async link(from: string, to: string): Promise<void> {
    this.#note(`link ${from} ${to}`);
    this.files.set(to, this.files.get(from) ?? "");
  }

  async list(folder: string): Promise<readonly string[]> {
    const names = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(names.map((path) => path.slice(folder.length + 1).split("/")[0] as string))].sort();
  }

  async remove(path: string): Promise<void> {
    this.#note(`remove ${path}`);
    for (const known of this.files.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.files.delete(known);
    }
  }

  async move(from: string, to: string): Promise<void> {
    for (const [known, content] of [...this.files]) {
      if (known !== from && !known.startsWith(`${from}/`)) continue;
      this.#note(`move ${known} ${to}${known.slice(from.length)}`);
      this.files.delete(known);
      this.files.set(`${to}${known.slice(from.length)}`, content);
    }
  }

  async empty(folder: string): Promise<void> {
    this.#note(`empty ${folder}`);
    for (const known of this.files.keys()) if (known.startsWith(`${folder}/`)) this.files.delete(known);
  }

  inspect(): Promise<MachineFacts> {
    return Promise.resolve(this.facts);
  }

  /** Looking twice is no other step than looking once. */
  #note(step: string): void {
    if (this.trace.at(-1) !== step) this.trace.push(step);
  }

  #systemctl([verb, ...rest]: readonly string[]): CommandResult {
    const unit = rest.at(-1) ?? "";
    if (verb === "is-active") return this.active.has(unit) ? done : failed;
    if (unit === "kubelet.service" && verb !== "stop") this.kubelet = this.files.get(PATHS.kubelet);
    if (verb === "stop") this.active.delete(unit);
    else this.active.add(unit);
    return done;
  }

  #ctr(args: readonly string[]): CommandResult {
    const names = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
      .map((name) => this.#containerOf(name))
      .filter((id) => id !== undefined && !this.ended.has(id));
    if (args.includes("kill")) {
      this.ended.add(args.at(-1) ?? "");
      return done;
    }
    if (args.includes("tasks")) {
      const all = [...names, ...this.strangers.map((name) => `somebodys-${name}`)];
      return { ...done, stdout: ["TASK PID STATUS", ...all.map((name) => `${name} 7 RUNNING`)].join("\n") };
    }
    const wanted = args
      .filter((argument) => argument.includes("=="))
      .flatMap((filter) => {
        const name = filter.split("==").at(-1) ?? "";
        const own = names.filter((id) => id?.startsWith(name));
        return filter.includes("==kube-system,") ? own : [...own, `somebodys-${name}`];
      });
    return { ...done, stdout: wanted.join("\n") };
  }

  /** Another manifest is another container. */
  #containerOf(pod: string): string | undefined {
    const manifest = this.files.get(`${PATHS.manifests}/${pod}.yaml`);
    const stamp = /cluster-os.dev\/certificates: "?(\w+)/.exec(manifest ?? "")?.[1];
    return manifest === undefined ? undefined : stamp === undefined ? pod : `${pod}-${stamp}`;
  }

  #kubeadm(args: readonly string[]): CommandResult {
    const [verb, ...rest] = args;
    const path = rest[rest.indexOf("--config") + 1] ?? "";
    const configuration = parseAllDocuments(this.files.get(path) ?? "").map(
      (document) => document.toJS() as object,
    );
    if (verb === "init" && rest[0] === "--config") this.#becomeServer(true);
    if (verb === "init" && rest.includes("etcd"))
      this.files.set(`${PATHS.manifests}/etcd.yaml`, "    - --initial-cluster-state=existing\n");
    if (verb === "join") {
      if (configuration.some((document) => "controlPlane" in document)) this.#becomeServer(false);
      this.#startKubelet();
    }
    if (verb === "upgrade") this.#upgrade(rest[0] ?? "", configuration);
    if (verb === "certs") this.issueCertificates(NEW_CERTIFICATE);
    if (verb === "reset") for (const unit of ["kubelet.service"]) this.active.delete(unit);
    if (verb === "kubeconfig") return { ...done, stdout: "kind: Config" };
    return done;
  }

  #upgrade(verb: string, [configuration]: readonly object[]): void {
    const { apply, node } = configuration as UpgradeConfiguration;
    if (verb === "apply") this.#cluster.version = apply.kubernetesVersion;
    if (!this.hasEtcd || node.skipPhases.includes("control-plane")) return;
    const name = "kube-apiserver";
    this.files.set(`${PATHS.manifests}/${name}.yaml`, manifestOf(name, this.#cluster.version));
  }

  #startKubelet(): void {
    this.files.set(PATHS.kubeletKubeconfig, "server: https://kubernetes.cluster-os.internal:7443");
    this.files.set(PATHS.caCertificate, CA_CERTIFICATE);
    this.active.add("kubelet.service");
    this.kubelet = this.files.get(PATHS.kubelet);
    this.#cluster.nodes.set(this.name, this.address);
  }

  /** All that kubeadm makes for a server, with this certificate. */
  issueCertificates(pem: string): void {
    const encoded = Buffer.from(pem).toString("base64");
    const kubeconfig = stringify({
      clusters: [
        {
          cluster: {
            server: "https://kubernetes.cluster-os.internal:7443",
            "certificate-authority-data": encoded,
          },
        },
      ],
      users: [{ user: { "client-certificate-data": encoded, "client-key-data": encoded } }],
    });
    for (const name of ["admin", "controller-manager", "scheduler"])
      this.files.set(`${PATHS.kubernetes}/${name}.conf`, kubeconfig);
    const pairs = ["apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client"];
    for (const pair of [...pairs, "etcd/server", "etcd/peer", "etcd/healthcheck-client"]) {
      this.files.set(`${PATHS.kubernetes}/pki/${pair}.crt`, pem);
      this.files.set(`${PATHS.kubernetes}/pki/${pair}.key`, "a key");
    }
  }

  #becomeServer(isFirst: boolean): void {
    this.issueCertificates(NEW_CERTIFICATE);
    this.files.set(`${PATHS.etcdPki}/ca.crt`, "ca.crt");
    for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]) {
      this.files.set(`${PATHS.manifests}/${name}.yaml`, manifestOf(name, this.#cluster.version));
    }
    if (!isFirst) return;
    this.files.set(`${PATHS.manifests}/etcd.yaml`, "kind: Pod\n");
    this.#startKubelet();
    this.#cluster.found(this);
  }

  /** etcd runs until it is told to stop. */
  async #fillEtcd({ logPath }: Command, signal: AbortSignal): Promise<CommandResult> {
    this.#cluster.started(this);
    this.files.set(logPath as string, '{"level":"info","msg":"applied snapshot"}\n');
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return { ...done, exitCode: undefined };
  }
}

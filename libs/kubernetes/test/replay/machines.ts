import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startEtcdProcess } from "../etcd-process.ts";
import { MemberClient } from "./client.ts";
import type { Site } from "./site.ts";

/** The ratio of what ships (150 and 1500), three times as fast: nothing here is far away. */
const TIMING_MS = { "heartbeat-interval": "50", "election-timeout": "500" } as const;

/** The etcd processes of one replay, a machine of the site each. Dispose it to end them; their data stays. */
export class Machines implements AsyncDisposable {
  readonly #site: Site;
  readonly #hyperkube: string;
  readonly #running = new Map<number, ReturnType<typeof startEtcdProcess>>();
  readonly #clusters = new Map<number, Readonly<Record<string, string>>>();

  constructor(site: Site, hyperkube: string) {
    this.#site = site;
    this.#hyperkube = hyperkube;
  }

  /** Machines that are to begin a cluster together. */
  found(ranks: readonly number[]): void {
    for (const rank of ranks) this.#clusters.set(rank, this.#cluster(ranks, "new"));
  }

  /** Wipes what a machine has: it is to copy the data of these members, of which it is one. */
  async wipe(rank: number, members: readonly number[]): Promise<void> {
    await this.kill(rank);
    await rm(this.#file(rank, "data"), { recursive: true, force: true });
    this.#clusters.set(rank, this.#cluster(members, "existing"));
  }

  /** With the data that it has. */
  start(rank: number): void {
    const peer = this.peerUrl(rank);
    const process = startEtcdProcess(
      ["ip", "netns", "exec", this.#site.namespaceOf(rank), this.#hyperkube, "etcd"],
      {
        name: `m${rank}`,
        "data-dir": this.#file(rank, "data"),
        "listen-client-urls": `unix://${this.#file(rank, "socket")}`,
        "advertise-client-urls": `http://m${rank}:2379`,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "log-outputs": this.#file(rank, "log"),
        ...this.#clusters.get(rank),
        ...TIMING_MS,
      },
    );
    this.#running.set(rank, process);
    // By itself, as a member does that learns of its removal.
    void process.then(() => {
      if (this.#running.get(rank) === process) this.#running.delete(rank);
    });
  }

  /** As a loss of power ends it. */
  async kill(rank: number): Promise<void> {
    const process = this.#running.get(rank);
    process?.kill("SIGKILL");
    await process;
  }

  freeze(rank: number): void {
    this.#running.get(rank)?.kill("SIGSTOP");
  }

  thaw(rank: number): void {
    this.#running.get(rank)?.kill("SIGCONT");
  }

  isRunning(rank: number): boolean {
    return this.#running.has(rank);
  }

  client(rank: number): MemberClient {
    return new MemberClient(this.#file(rank, "socket"));
  }

  peerUrl(rank: number): string {
    return `http://${this.#site.addressOf(rank)}:2380`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((rank) => this.kill(rank)));
  }

  #cluster(ranks: readonly number[], state: "new" | "existing"): Readonly<Record<string, string>> {
    const members = ranks.map((rank) => `m${rank}=${this.peerUrl(rank)}`);
    return { "initial-cluster": members.join(","), "initial-cluster-state": state };
  }

  #file(rank: number, name: string): string {
    return join(this.#site.folder, `m${rank}.${name}`);
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SlurmLease } from "@cluster-os/api";
import { waitFor } from "@cluster-os/std/drivers";
import { CONFIG, lease, seen } from "../fixtures.ts";
import { Authority } from "./authority.ts";
import { Machine } from "./machine.ts";

const PATIENCE_MS = 40_000;

/** Machines on loopback addresses, and an API with one Lease; the test is the operator. */
export class Cluster implements AsyncDisposable {
  readonly machines: ReadonlyMap<string, Machine>;
  readonly #folder: string;
  lease: SlurmLease;

  constructor(folder: string, machines: ReadonlyMap<string, Machine>) {
    this.#folder = folder;
    this.machines = machines;
    this.lease = lease({ epoch: 1, replicas: [...machines.keys()], mayFound: true });
  }

  /** `kept` of the machines keep copies; the first one is the controller. */
  static async open(names: readonly string[], kept = names.length): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), "cluster-os-slurm-"));
    using authority = new Authority();
    const addresses = new Map(names.map((name, at) => [name, `127.0.0.${21 + at}`]));
    const port = await freePort([...addresses.values()]);
    const machines = new Map<string, Machine>();
    const cluster = new Cluster(folder, machines);
    for (const [name, address] of addresses) {
      const machine = new Machine({
        name,
        address,
        port,
        folder: join(folder, name),
        credentials: authority.issue(name),
        meshAddressOf: (other) => addresses.get(other),
        kubeOf: (of) => cluster.#kubeOf(of),
      });
      machines.set(name, machine);
    }
    const replicas = names.slice(0, kept);
    cluster.lease = lease({ epoch: 1, holder: names[0] ?? "", replicas, mayFound: true });
    for (const machine of machines.values()) machine.startAgent();
    return cluster;
  }

  of(name: string): Machine {
    return this.machines.get(name) as Machine;
  }

  /** Names another controller, as the operator does. */
  elect(holder: string): void {
    const { replicas, epoch } = this.lease;
    this.lease = lease({ epoch: epoch + 1, holder, replicas });
  }

  tell(changes: Partial<SlurmLease>): void {
    this.lease = { ...this.lease, ...changes };
  }

  until(what: string, look: () => boolean | Promise<boolean>): Promise<true> {
    return waitFor(async () => (await look()) || undefined, { what, timeoutMs: PATIENCE_MS, everyMs: 20 });
  }

  runs(name: string): Promise<true> {
    return this.until(`slurmctld on ${name}`, () => this.of(name).slurmctld !== undefined);
  }

  /** Resolves when a majority has all that slurmctld has written. */
  async saved(name: string): Promise<void> {
    await this.of(name).agent?.state.save(AbortSignal.timeout(PATIENCE_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.machines.values()) await machine.stopAgent();
    await rm(this.#folder, { recursive: true });
  }

  #kubeOf(name: string) {
    const settings = { cpus: 2, memoryMib: 1000, features: [] };
    const nodes = Object.fromEntries([...this.machines.keys()].map((one) => [one, settings]));
    return {
      seen: () => seen({ lease: this.lease, config: { ...CONFIG, nodes } }),
      renewController: async (_wallTimeMs: number, isGivenBack: boolean): Promise<void> => {
        if (this.lease.holder !== name) throw new Error("somebody else wrote the Lease");
        if (!isGivenBack) return;
        const { holder: _, ...rest } = this.lease;
        this.lease = rest;
      },
    };
  }
}

/** A port that is free at this moment on all of these. */
async function freePort(hosts: readonly string[]): Promise<number> {
  const listen = async (host: string, port: number) => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
    return server;
  };
  const [first = "127.0.0.1", ...others] = hosts;
  const server = await listen(first, 0);
  const { port } = server.address() as AddressInfo;
  const servers = [server, ...(await Promise.all(others.map((host) => listen(host, port))))];
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
  return port;
}

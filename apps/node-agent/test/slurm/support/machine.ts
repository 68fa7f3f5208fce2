import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Credentials } from "@cluster-os/replication/drivers";
import type { FencerStatus } from "@cluster-os/fencer";
import { describeError, silentLogger } from "@cluster-os/std";
import { delay, systemClock } from "@cluster-os/std/drivers";
import { ReplicatedState } from "../../../src/drivers/slurm-state.ts";
import { tokenKeyDigest } from "../../../src/slurm/controller.ts";
import type { MachineAction, SlurmKube } from "../../../src/slurm/controller-role.ts";
import type { SlurmObserved } from "../../../src/slurm/plan.ts";
import { SlurmRole, type SlurmMachine } from "../../../src/slurm/role.ts";
import { fencer } from "../fixtures.ts";
import { Slurmctld } from "./slurmctld.ts";

/** Written by a slurmctld that ends in order, and by no other. */
export const LAST_JOB = 999;

export interface MachineOptions {
  readonly name: string;
  readonly address: string;
  readonly folder: string;
  readonly port: number;
  readonly credentials: Credentials;
  readonly meshAddressOf: (name: string) => string | undefined;
  readonly kubeOf: (name: string) => SlurmKube;
}

/** A machine whose disk is real, whose replica talks over TLS, and whose fencer and units do as they are told. */
export class Machine implements SlurmMachine {
  readonly name: string;
  readonly directory: string;
  readonly store: string;
  readonly acts: string[] = [];
  slurmctld: Slurmctld | undefined;
  agent: Agent | undefined;
  readonly #options: MachineOptions;
  #fencer: FencerStatus | undefined;
  #configHash: string | undefined;
  #tokenKeyDigest: string | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.directory = join(options.folder, "state");
    this.store = join(options.folder, "store");
    mkdirSync(this.directory, { recursive: true });
  }

  /** node-agent begins; slurmctld, if it runs, does not notice. */
  startAgent(): void {
    this.agent = new Agent(this, this.#options);
  }

  /** node-agent ends as at a restart. */
  async stopAgent(): Promise<void> {
    await this.agent?.[Symbol.asyncDispose]();
    this.agent = undefined;
  }

  /** The power is gone. */
  async lose(): Promise<void> {
    this.slurmctld = undefined;
    this.#fencer = undefined;
    await this.stopAgent();
  }

  async observe(): Promise<SlurmObserved> {
    const units = { "munge.service": "active", "slurmd.service": "active" } as const;
    const limits = { MemoryMax: "infinity", AllowedCPUs: "" };
    return { keyFiles: {}, jwks: {}, hosts: "", units, limits, processors: 4, accounts: [] };
  }
  async act(): Promise<void> {}
  async observeController() {
    const unit = this.#fencer ? ("active" as const) : ("inactive" as const);
    return {
      unit,
      fencer: this.#fencer,
      configHash: this.#configHash,
      tokenKeyDigest: this.#tokenKeyDigest,
    };
  }
  async actController(action: MachineAction) {
    this.acts.push(action.kind);
    if (action.kind === "apply-config") this.#configHash = action.config.hash;
    if (action.kind === "use-token-key") this.#tokenKeyDigest = tokenKeyDigest(action.key);
    if (action.kind === "start-controller") this.#fencer = fencer({ state: "waiting", pid: 0, epoch: 0 });
    if (action.kind === "stop-controller") {
      this.slurmctld?.submit(LAST_JOB);
      this.slurmctld = undefined;
      this.#fencer = undefined;
    }
    return undefined;
  }
  async extend(epoch: number) {
    this.slurmctld ??= new Slurmctld(this.directory);
    this.#fencer = fencer({ epoch });
    return this.#fencer;
  }
  bootTimeMs() {
    return systemClock.now();
  }
  async view() {
    return "silence" as const;
  }
  async manage() {
    return {
      jobs: { running: 0, pending: 0 },
      nodes: { total: 0, available: 0, down: 0, drained: 0 },
      drains: [],
    };
  }
}

/** node-agent, as far as SLURM goes, at a quicker pace. */
export class Agent implements AsyncDisposable {
  readonly state: ReplicatedState;
  readonly role: SlurmRole;
  readonly troubles = new Set<string>();
  readonly #ending = new AbortController();
  readonly #loop: Promise<void>;

  constructor(machine: Machine, options: MachineOptions) {
    const { name, address, port, credentials, meshAddressOf, kubeOf } = options;
    const { directory, store } = machine;
    const owner = async () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    const shared = { logger: silentLogger, clock: systemClock };
    const surroundings = { ...shared, credentials: () => credentials, meshAddressOf };
    this.state = new ReplicatedState({ ...surroundings, directory, store, port, owner });
    const self = async () => ({ name, address });
    this.role = new SlurmRole({ ...shared, machine, state: this.state, self, patience: 1 });
    this.#loop = this.#run(kubeOf(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#loop;
    await this.state[Symbol.asyncDispose]();
  }

  async #run(kube: SlurmKube): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.role.keepState(kube, signal);
        await this.role.round(kube, signal);
        await this.role.vouch(kube, signal);
        await this.role.look(signal);
      } catch (error) {
        this.troubles.add(describeError(error));
      }
      await delay(20, signal).catch(() => undefined);
    }
  }
}

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import { LabError } from "../lab-error.ts";
import type { MachineDriver, Place } from "../machine-driver.ts";
import type { LabNames } from "../names.ts";
import type { LabState, ProcessRef } from "../state.ts";
import { bootMachine } from "./boot.ts";
import { runInMachine, type ExecOptions, type ExecResult } from "./enter.ts";
import { readJournalOf } from "./journal.ts";
import { findLeader, findNspawn, isAlive, signalProcess } from "./processes.ts";
import type { LabStore } from "./store.ts";

/** Machines of namespaces: a systemd below systemd-nspawn, on this host's kernel. */
export class NspawnDriver implements MachineDriver {
  readonly slowness = 1;
  readonly #names: LabNames;
  readonly #store: LabStore;

  constructor(names: LabNames, store: LabStore) {
    this.#names = names;
    this.#store = store;
  }

  async boot(number: number, { make }: LabState): Promise<void> {
    if (make.driver !== "nspawn") throw new LabError(`a lab of ${make.driver} machines has none of nspawn's`);
    await bootMachine({ names: this.#names, store: this.#store, make, number });
  }

  async life(number: number): Promise<ProcessRef | undefined> {
    const state = await this.#store.readMachine(number);
    if (state?.leader !== undefined && (await isAlive(state.leader))) return state.leader;
    // A machine that rebooted itself has a new process 1 under the same supervisor.
    if (state?.supervisor === undefined || !(await isAlive(state.supervisor))) return undefined;
    return findLeader(state.supervisor.pid);
  }

  /** Its kernel is this host's. */
  fault(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async exec(number: number, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const leader = await this.#requireLife(number);
    const { joined } = this.#store.machine(number);
    return runInMachine(
      { leader, machine: `m${number}`, enter: this.#store.script("enter"), joined },
      argv,
      options,
    );
  }

  async requestStop(number: number): Promise<void> {
    const supervisor = (await this.#store.readMachine(number))?.supervisor;
    // systemd-nspawn turns this into the signal that asks a machine's systemd to power off.
    const nspawn = supervisor === undefined ? undefined : await findNspawn(supervisor.pid);
    if (nspawn !== undefined) signalProcess(nspawn, "SIGTERM");
  }

  readJournal(number: number, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
    return readJournalOf(join(this.#store.machine(number).upper, "var/log/journal"), args, options);
  }

  async place(number: number, inMachine: string, content: string, mode: number): Promise<void> {
    const path = join(this.#store.machine(number).upper, inMachine);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, content, { mode });
  }

  socket(number: number, inMachine: string): Promise<string> {
    return this.path(number, inMachine);
  }

  async path(number: number, inMachine: string): Promise<string> {
    return `/proc/${(await this.#requireLife(number)).pid}/root${inMachine}`;
  }

  async places(number: number): Promise<readonly Place[]> {
    const { log, upper } = this.#store.machine(number);
    const life = await this.life(number);
    return [
      { name: "process 1", value: life === undefined ? "none: it is off" : String(life.pid) },
      { name: "namespace", value: this.#names.machine(number) },
      { name: "console", value: log },
      { name: "disk", value: upper },
    ];
  }

  async #requireLife(number: number): Promise<ProcessRef> {
    const life = await this.life(number);
    if (life === undefined)
      throw new LabError(`m${number} is not running`, { hint: `start it: cluster-os start m${number}` });
    return life;
  }
}

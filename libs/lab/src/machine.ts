import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { waitFor, writeFileAtomic } from "@cluster-os/std/drivers";
import { bootMachine } from "./drivers/boot.ts";
import { cleanMachine } from "./drivers/clean.ts";
import { runInMachine, type ExecOptions, type ExecResult } from "./drivers/enter.ts";
import { changeFabric, readFabric } from "./drivers/ip.ts";
import { readJournalOf } from "./drivers/journal.ts";
import { acquireLock } from "./drivers/lock.ts";
import { findLeader, findNspawn, isAlive, signalProcess } from "./drivers/processes.ts";
import type { LabStore } from "./drivers/store.ts";
import { planFabric } from "./fabric.ts";
import { LabError } from "./lab-error.ts";
import type { LabNames } from "./names.ts";
import type { LabState, ProcessRef } from "./state.ts";

export interface MachineStatus {
  readonly isRunning: boolean;
  /** The machine's process 1 as the host numbers it, while it runs. */
  readonly leader: number | undefined;
}

export interface LogOptions {
  /** Only this unit's lines. */
  readonly unit?: string;
  /** How many of the last lines; all of them if left out. */
  readonly lines?: number;
  /** Goes on with new lines until the signal is aborted or the machine dies. */
  readonly follow?: boolean;
  /** Where the lines go: standard output, or back in the result. Default "inherit". */
  readonly stdout?: "inherit" | "capture";
  readonly signal?: AbortSignal;
}

/** How long a machine may take to shut down before it loses its power. */
const STOP_TIMEOUT_MS = 15_000;

/** One machine of a lab: a Debian system with its own processes, network and disk. */
export class Machine {
  readonly number: number;
  /** What people call it: "m1". The machine itself does not know. */
  readonly name: string;
  readonly #store: LabStore;
  readonly #names: LabNames;

  constructor(number: number, store: LabStore, names: LabNames) {
    this.number = number;
    this.name = `m${number}`;
    this.#store = store;
    this.#names = names;
  }

  async status(): Promise<MachineStatus> {
    const leader = await this.#leader();
    return { isRunning: leader !== undefined, leader: leader?.pid };
  }

  /** Runs a command and waits for it. Throws only if it could not be run; its own failure is the exit code. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const leader = await this.#requireLeader();
    const folders = this.#store.machine(this.number);
    return runInMachine(
      { leader, machine: this.name, enter: this.#store.script("enter"), joined: folders.joined },
      argv,
      options,
    );
  }

  /** Runs a command that has to succeed, and gives what it wrote to standard output. */
  async run(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.exec(argv, options);
    if (exitCode === 0) return stdout;
    throw new LabError(
      `"${argv.join(" ")}" in ${this.name} ended with ${exitCode}: ${stderr.trim() || stdout.trim()}`,
    );
  }

  /** A login shell on the terminal of this process, or `argv` on it. Gives the exit code. */
  async shell(argv: readonly string[] = ["/bin/bash", "--login"]): Promise<number> {
    const { exitCode } = await this.exec(argv, {
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
      isInteractive: true,
    });
    return exitCode;
  }

  /** The machine's journal; of a dead machine, what its disk holds. */
  async logs(options: LogOptions = {}): Promise<ExecResult> {
    const args = [
      "--no-pager",
      "--output=short-iso-precise",
      ...(options.unit === undefined ? [] : [`--unit=${options.unit}`]),
      ...(options.lines === undefined ? [] : [`--lines=${options.lines}`]),
    ];
    const execOptions: ExecOptions = {
      stdout: options.stdout ?? "inherit",
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    if ((await this.#leader()) === undefined) {
      return readJournalOf(
        join(this.#store.machine(this.number).upper, "var/log/journal"),
        args,
        execOptions,
      );
    }
    return this.exec(["journalctl", ...args, ...(options.follow === true ? ["--follow"] : [])], execOptions);
  }

  /** Waits until systemd has started what it was going to; gives "running", or "degraded" if a unit failed. */
  async waitBooted(
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<"running" | "degraded"> {
    return waitFor(
      async () => {
        const { stdout } = await this.exec(["systemctl", "is-system-running"]);
        const state = stdout.trim();
        return state === "running" || state === "degraded" ? state : undefined;
      },
      {
        what: `the end of ${this.name}'s boot`,
        timeoutMs: options.timeoutMs ?? 60_000,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
    );
  }

  /** Where this host reaches the machine's local API (a socket of bootstrap's); changes at every start. */
  async localApi(): Promise<string> {
    return this.path("/run/cluster-os/bootstrap.sock");
  }

  /** Where this host sees a path of the running machine. */
  async path(inMachine: string): Promise<string> {
    return `/proc/${(await this.#requireLeader()).pid}/root${inMachine}`;
  }

  /** Boots it, with the disk that it has. Does nothing if it runs. */
  async start(): Promise<void> {
    await using _lock = await this.#lock();
    if ((await this.#leader()) !== undefined) return;
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
    const lab = await this.#lab();
    await connect(this.#names, lab, this.number);
    await bootMachine({ names: this.#names, store: this.#store, lab, number: this.number });
  }

  /** Cuts its power: every process dies at once, nothing is flushed, its cable goes dead. Does nothing if it is off. */
  async kill(): Promise<void> {
    // Before the lock: several machines that lose their power together lose it at the same moment.
    const leader = await this.#leader();
    if (leader !== undefined) signalProcess(leader.pid, "SIGKILL");
    await using _lock = await this.#lock();
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
  }

  /** Shuts it down in order, and cuts its power if that takes too long. */
  async stop(): Promise<void> {
    await using _lock = await this.#lock();
    const supervisor = (await this.#store.readMachine(this.number))?.supervisor;
    if (supervisor !== undefined && (await isAlive(supervisor))) {
      // systemd-nspawn turns this into the signal that asks a machine's systemd to power off.
      const nspawn = await findNspawn(supervisor.pid);
      if (nspawn !== undefined) signalProcess(nspawn, "SIGTERM");
      await waitFor(async () => !(await isAlive(supervisor)), {
        what: `the shutdown of ${this.name}`,
        timeoutMs: STOP_TIMEOUT_MS,
      }).catch(() => undefined);
    }
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
  }

  /** Puts a file into the disk of a machine that is off, before its first boot for example. */
  async place(inMachine: string, content: string, mode: number): Promise<void> {
    if ((await this.#leader()) !== undefined)
      throw new LabError(`${this.name} is running: its disk cannot be changed from outside`);
    const path = join(this.#store.machine(this.number).upper, inMachine);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, content, { mode });
  }

  #lock(): Promise<AsyncDisposable> {
    return acquireLock(`machine ${this.#names.machine(this.number)}`, { what: this.name, timeoutMs: 60_000 });
  }

  async #lab(): Promise<LabState> {
    const lab = await this.#store.readLab();
    if (lab === undefined) throw new LabError("the lab is down", { hint: "bring it up: cluster-os up" });
    return lab;
  }

  async #leader(): Promise<ProcessRef | undefined> {
    const state = await this.#store.readMachine(this.number);
    if (state?.leader !== undefined && (await isAlive(state.leader))) return state.leader;
    // A machine that rebooted itself has a new process 1 under the same supervisor.
    if (state?.supervisor === undefined || !(await isAlive(state.supervisor))) return undefined;
    return findLeader(state.supervisor.pid);
  }

  async #requireLeader(): Promise<ProcessRef> {
    const leader = await this.#leader();
    if (leader === undefined)
      throw new LabError(`${this.name} is not running`, { hint: `start it: cluster-os start ${this.name}` });
    return leader;
  }
}

/** Gives machines the network that the lab's state says, those in `also` included even if they are still off. */
export async function connect(names: LabNames, lab: LabState, ...also: readonly number[]): Promise<void> {
  await using _lock = await acquireLock(`network ${names.fabric}`, {
    what: "the lab's network",
    timeoutMs: 30_000,
  });
  const observed = await readFabric(names);
  const present = observed.namespaces.flatMap((name) => names.numberOf(name) ?? []);
  const machines = [...new Set([...present, ...also])].sort((left, right) => left - right);
  const wish = { machines, groups: lab.groups, unplugged: lab.unplugged };
  await changeFabric(names, planFabric(names, observed, wish));
}

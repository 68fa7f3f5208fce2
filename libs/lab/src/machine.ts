import { waitFor } from "@cluster-os/std/drivers";
import { cleanMachine } from "./drivers/clean.ts";
import type { ExecOptions, ExecResult } from "./drivers/enter.ts";
import { changeFabric, readFabric } from "./drivers/ip.ts";
import { acquireLock } from "./drivers/lock.ts";
import { isAlive, signalProcess } from "./drivers/processes.ts";
import type { LabStore } from "./drivers/store.ts";
import { planFabric } from "./fabric.ts";
import { LabError } from "./lab-error.ts";
import type { MachineDriver, Place } from "./machine-driver.ts";
import type { LabNames } from "./names.ts";
import type { LabState } from "./state.ts";

export interface MachineStatus {
  readonly isRunning: boolean;
  /** The process that the machine lives by, as the host numbers it: its process 1, or its QEMU. */
  readonly leader: number | undefined;
  /** Why it does nothing any more although it has power: the last words of its kernel. */
  readonly fault?: string;
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

/** How long a machine may take to boot, and to shut down before it loses its power; slow ones take as much longer. */
const BOOT_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/** One machine of a lab: a Debian system with its own processes, network and disk. */
export class Machine {
  readonly number: number;
  /** What people call it: "m1". The machine itself does not know. */
  readonly name: string;
  readonly #store: LabStore;
  readonly #names: LabNames;
  readonly #driver: MachineDriver;

  constructor(number: number, store: LabStore, names: LabNames, driver: MachineDriver) {
    this.number = number;
    this.name = `m${number}`;
    this.#store = store;
    this.#names = names;
    this.#driver = driver;
  }

  /** How many times longer than on this host things may take in it. */
  get slowness(): number {
    return this.#driver.slowness;
  }

  async status(): Promise<MachineStatus> {
    const leader = await this.#driver.life(this.number);
    const fault = leader === undefined ? undefined : await this.#driver.fault(this.number);
    const isRunning = leader !== undefined && fault === undefined;
    return { isRunning, leader: leader?.pid, ...(fault === undefined ? {} : { fault }) };
  }

  /** Runs a command and waits for it. Throws only if it could not be run; its own failure is the exit code. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    await this.#requireRunning();
    return this.#driver.exec(this.number, argv, options);
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
    if (!(await this.status()).isRunning) return this.#driver.readJournal(this.number, args, execOptions);
    return this.exec(["journalctl", ...args, ...(options.follow === true ? ["--follow"] : [])], execOptions);
  }

  /** Waits until systemd has started what it was going to; gives "running", or "degraded" if a unit failed. */
  async waitBooted(
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<"running" | "degraded"> {
    const ended = await waitFor(
      async () => {
        // A wait for what cannot come any more ends at once.
        if ((await this.status()).fault !== undefined) return "fault";
        const { stdout } = await this.exec(["systemctl", "is-system-running"]);
        const state = stdout.trim();
        return state === "running" || state === "degraded" ? state : undefined;
      },
      {
        what: `the end of ${this.name}'s boot`,
        timeoutMs: options.timeoutMs ?? BOOT_TIMEOUT_MS * this.#driver.slowness,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
    );
    if (ended === "fault") await this.#requireRunning();
    return ended === "degraded" ? "degraded" : "running";
  }

  /** Where this host reaches the machine's local API (a socket of bootstrap's); changes at every start. */
  async localApi(): Promise<string> {
    await this.#requireRunning();
    return this.#driver.socket(this.number, "/run/cluster-os/bootstrap.sock");
  }

  /** Where this host sees a path of the running machine. Throws LabError if it sees none: a disk of its own. */
  async path(inMachine: string): Promise<string> {
    await this.#requireRunning();
    return this.#driver.path(this.number, inMachine);
  }

  /** What of it is on this host, and how to get at it by hand. */
  places(): Promise<readonly Place[]> {
    return this.#driver.places(this.number);
  }

  /** Boots it, with the disk that it has. Does nothing if it runs. */
  async start(): Promise<void> {
    await using _lock = await this.#lock();
    if ((await this.#driver.life(this.number)) !== undefined) return;
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
    const lab = await this.#lab();
    await connect(this.#names, lab, this.number);
    await this.#driver.boot(this.number, lab);
  }

  /** Cuts its power: every process dies at once, nothing is flushed, its cable goes dead. Does nothing if it is off. */
  async kill(): Promise<void> {
    // Before the lock: several machines that lose their power together lose it at the same moment.
    const leader = await this.#driver.life(this.number);
    if (leader !== undefined) signalProcess(leader.pid, "SIGKILL");
    await using _lock = await this.#lock();
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
  }

  /** Shuts it down in order, and cuts its power if that takes too long. */
  async stop(): Promise<void> {
    await using _lock = await this.#lock();
    const state = await this.#store.readMachine(this.number);
    // What supervises a machine ends last: until then it may boot it again.
    const last = state?.supervisor ?? state?.leader;
    if (last !== undefined && (await isAlive(last))) {
      await this.#driver.requestStop(this.number);
      await waitFor(async () => !(await isAlive(last)), {
        what: `the shutdown of ${this.name}`,
        timeoutMs: STOP_TIMEOUT_MS * this.#driver.slowness,
      }).catch(() => undefined);
    }
    await cleanMachine({ names: this.#names, store: this.#store }, this.number);
  }

  /** Puts a file into the disk of a machine that is off, before its first boot. */
  async place(inMachine: string, content: string, mode: number): Promise<void> {
    if ((await this.#driver.life(this.number)) !== undefined)
      throw new LabError(`${this.name} is running: its disk cannot be changed from outside`);
    await this.#driver.place(this.number, inMachine, content, mode);
  }

  #lock(): Promise<AsyncDisposable> {
    return acquireLock(`machine ${this.#names.machine(this.number)}`, { what: this.name, timeoutMs: 60_000 });
  }

  async #lab(): Promise<LabState> {
    const lab = await this.#store.readLab();
    if (lab === undefined) throw new LabError("the lab is down", { hint: "bring it up: cluster-os up" });
    return lab;
  }

  async #requireRunning(): Promise<void> {
    const { leader, fault } = await this.status();
    if (leader === undefined)
      throw new LabError(`${this.name} is not running`, { hint: `start it: cluster-os start ${this.name}` });
    if (fault !== undefined) {
      throw new LabError(`${this.name}'s kernel stopped: ${fault}`, {
        log: this.#store.machine(this.number).log,
        hint: `cut its power and start it again: cluster-os kill ${this.name}, cluster-os start ${this.name}`,
      });
    }
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

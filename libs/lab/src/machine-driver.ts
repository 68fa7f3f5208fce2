import type { ExecOptions, ExecResult } from "./drivers/enter.ts";
import type { LabState, ProcessRef } from "./state.ts";

/** What differs between kinds of machines: how one is booted, entered and asked. Everything else is the lab's. */
export interface MachineDriver {
  /** How many times longer things take than in machines that run on this host's processor as it is. */
  readonly slowness: number;
  /** Boots a machine whose network exists; resolves when it runs. What is made is recorded first. */
  boot(number: number, lab: LabState): Promise<void>;
  /** The process that a machine lives by; undefined of one without power. */
  life(number: number): Promise<ProcessRef | undefined>;
  /** Why a machine that has power does nothing any more: its kernel's last words. */
  fault(number: number): Promise<string | undefined>;
  /** Runs a command in a machine that runs. */
  exec(number: number, argv: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /** Asks a machine to shut down in order; its power is off when {@link life} is over. */
  requestStop(number: number): Promise<void>;
  /** What the disk of a machine without power holds of its journal; `args` are journalctl's. */
  readJournal(number: number, args: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /** Puts a file into a machine before its first boot. */
  place(number: number, inMachine: string, content: string, mode: number): Promise<void>;
  /** A socket on this host that leads to the socket of that path in a machine that runs. */
  socket(number: number, inMachine: string): Promise<string>;
  /** Where this host sees a path of a machine that runs. Throws where it sees none. */
  path(number: number, inMachine: string): Promise<string>;
  /** Where to look at a machine from this host, for people: names and values. */
  places(number: number): Promise<readonly Place[]>;
}

/** Something of a machine that is on this host: "console" and the path of its log. */
export interface Place {
  readonly name: string;
  readonly value: string;
}

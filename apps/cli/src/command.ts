import type { Clock, Rng } from "@cluster-os/std";
import type { LabControl, Machine } from "./site.ts";

/** Where a command writes. */
export interface Output {
  write(text: string): void;
  /** Whether a person watches: then lines may be rewritten in place. */
  readonly isTerminal: boolean;
  /** How many characters fit on a line. */
  readonly columns: number;
}

/** Everything a command touches, so that a test can hand it something else. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** How the reader calls this program, for what to try next: "npx cluster-os" in a checkout. */
  readonly program: string;
  readonly version: string;
  /** The machines of the lab on this host. */
  readonly lab: LabControl;
  /** The machine this runs on, if it is a node of a cluster. */
  readonly thisMachine: Machine;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Time between two looks at something awaited, in milliseconds. */
  readonly pollMs: number;
}

/** One word after `cluster-os`. */
export interface Command {
  readonly name: string;
  /** What follows the name: "N [-- COMMAND...]". Empty if nothing does. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `help NAME` adds: options and what the exit code says. */
  readonly details: readonly string[];
  /** Gives the exit code. Throws {@link UsageError} or an error that says what failed and what to try. */
  run(args: readonly string[], context: Context): Promise<number>;
}

/** The command line cannot be understood; nothing was done. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface CommandErrorOptions {
  /** Where more is to be read: a command or a file. */
  readonly log?: string;
  /** What the reader can do. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A command could not do what it was asked: what failed, where its log is, what to try. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(what: string, options: CommandErrorOptions = {}) {
    const log = options.log === undefined ? "" : `\n  log: ${options.log}`;
    const hint = options.hint === undefined ? "" : `\n  try: ${options.hint}`;
    super(`${what}${log}${hint}`, options.cause === undefined ? {} : { cause: options.cause });
  }
}

import type { Readable, Writable } from "node:stream";
import { execa } from "execa";
import { LabError } from "../lab-error.ts";
import { enterCommand, machineEnvironment } from "../nspawn.ts";
import type { ProcessRef } from "../state.ts";

export interface ExecOptions {
  /** What the command reads: nothing (the default), this process's standard input, the bytes given, or a stream. */
  readonly stdin?: "ignore" | "inherit" | Uint8Array | Readable;
  /** Where its output goes: into the result (the default), to this process's own, nowhere, or into a stream. */
  readonly stdout?: "capture" | "inherit" | "ignore" | Writable;
  readonly stderr?: "capture" | "inherit" | "ignore" | Writable;
  /** Variables besides those of a fresh login. Never secrets: anybody in the machine reads them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kills the command. */
  readonly signal?: AbortSignal;
  /** On a terminal: keys like Ctrl-C are the command's business. */
  readonly isInteractive?: boolean;
}

export interface ExecResult {
  /** The command's own; 128 and the signal's number if a signal ended it. */
  readonly exitCode: number;
  /** What was captured; empty otherwise. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Entrance {
  readonly machine: string;
  readonly leader: ProcessRef;
  /** The program that enters cgroups, and the file that lists them. */
  readonly enter: string;
  readonly joined: string;
}

/** Runs a command in a machine's namespaces and cgroups, so that the machine's limits are its limits too. */
export async function runInMachine(
  { leader, machine, enter, joined }: Entrance,
  argv: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const terminal = options.isInteractive === true ? process.env["TERM"] : undefined;
  return runProgram(machine, "/bin/sh", [enter, joined, ...enterCommand(leader.pid, argv)], {
    ...options,
    env: { ...machineEnvironment(terminal), ...options.env },
  });
}

/** Runs a program of the host with the choices of {@link ExecOptions} and no environment but `env`. */
export async function runProgram(
  what: string,
  program: string,
  args: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  // A terminal sends its signals to everybody on it. They are the command's; this process waits for its end.
  const ignore = (): void => {};
  if (options.isInteractive === true) process.on("SIGINT", ignore).on("SIGQUIT", ignore);
  try {
    const { stdin = "ignore", stdout = "capture", stderr = "capture" } = options;
    const result = await execa(program, args, {
      reject: false,
      env: options.env ?? {},
      extendEnv: false,
      cwd: "/",
      stripFinalNewline: false,
      ...(stdin instanceof Uint8Array
        ? { input: stdin }
        : { stdin: stdin === "ignore" || stdin === "inherit" ? stdin : ([stdin, "pipe"] as const) }),
      stdout: outputOf(stdout),
      stderr: outputOf(stderr),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal, forceKillAfterDelay: 1000 }),
    });
    if (result.exitCode === undefined && result.signal === undefined) {
      throw new LabError(`could not run a command in ${what}`, { cause: result.cause ?? result });
    }
    return {
      exitCode: result.exitCode ?? 128 + (result.signal === "SIGKILL" ? 9 : 15),
      stdout: textOf(result.stdout),
      stderr: textOf(result.stderr),
    };
  } finally {
    if (options.isInteractive === true) process.off("SIGINT", ignore).off("SIGQUIT", ignore);
  }
}

function outputOf(
  choice: "capture" | "inherit" | "ignore" | Writable,
): "pipe" | "inherit" | "ignore" | [Writable, "pipe"] {
  if (choice === "capture") return "pipe";
  return choice === "inherit" || choice === "ignore" ? choice : [choice, "pipe"];
}

function textOf(output: unknown): string {
  return typeof output === "string" ? output : "";
}

import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { execa } from "execa";
import { LabError } from "../lab-error.ts";
import { killWithChildren } from "./processes.ts";
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
  const done = new AbortController();
  if (options.isInteractive === true) process.on("SIGINT", ignore).on("SIGQUIT", ignore);
  try {
    const { stdin = "ignore", stdout = "capture", stderr = "capture" } = options;
    const running = execa(program, args, {
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
    });
    const end = (): void => void endRunning(running.nodeChildProcess).catch(() => undefined);
    options.signal?.addEventListener("abort", end, { once: true, signal: done.signal });
    if (options.signal?.aborted === true) end();
    const result = await running;
    if (result.exitCode === undefined && result.signal === undefined) {
      throw new LabError(`could not run a command in ${what}`, { cause: result.cause ?? result });
    }
    return {
      exitCode: result.exitCode ?? 128 + (result.signal === "SIGKILL" ? 9 : 15),
      stdout: textOf(result.stdout),
      stderr: textOf(result.stderr),
    };
  } finally {
    done.abort();
    if (options.isInteractive === true) process.off("SIGINT", ignore).off("SIGQUIT", ignore);
  }
}

/**
 * A command in a machine is a child of nsenter's that dies with it, but only from the moment on at which setpriv has said
 * so: before, it would outlive nsenter and hold the pipes. So both are killed here.
 */
async function endRunning({ pid, exitCode, signalCode }: ChildProcess): Promise<void> {
  if (pid !== undefined && exitCode === null && signalCode === null) await killWithChildren(pid);
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

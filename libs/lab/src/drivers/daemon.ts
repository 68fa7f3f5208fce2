import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";

export interface DaemonOptions {
  /** Where its output goes: a file of its own, not a pipe, which would end it with whoever started it, or keep him. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program that outlives this process, in a session of its own. Throws if it cannot be run at all. */
export async function startDaemon(
  [program = "", ...args]: readonly string[],
  { log, env }: DaemonOptions,
): Promise<ChildProcess> {
  const file = await open(log, "w", 0o600);
  try {
    const child = spawn(program, args, {
      cwd: "/",
      detached: true,
      stdio: ["ignore", file.fd, file.fd],
      ...(env === undefined ? {} : { env }),
    });
    await once(child, "spawn");
    child.unref();
    return child;
  } finally {
    await file.close();
  }
}

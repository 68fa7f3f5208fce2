import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import { LabError } from "../lab-error.ts";

export interface LockOptions {
  /** What the lock guards, for the error: "lab lab". */
  readonly what: string;
  /** How long to wait for another holder, in milliseconds. */
  readonly timeoutMs: number;
}

const HELD_BY_ANOTHER = 75;

/**
 * Holds a lock file until disposed of. The kernel's lock (flock(2)) belongs to a small program that lives as long as its
 * standard input is open, so it is given back whatever becomes of this process.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  const seconds = String(Math.max(options.timeoutMs / 1000, 0.01));
  const holder = execa(
    "flock",
    ["--exclusive", "--timeout", seconds, "--conflict-exit-code", String(HELD_BY_ANOTHER), path, "cat"],
    { reject: false, stdin: "pipe", stdout: "pipe", stderr: "pipe", detached: true },
  );
  // cat gives the byte back once it runs, and it runs once the lock is held.
  holder.stdin.write("\n");
  const isHeld = await Promise.race([
    new Promise<boolean>((resolve) => holder.stdout.once("data", () => resolve(true))),
    holder.then(() => false),
  ]);
  if (!isHeld) {
    const { exitCode, stderr } = await holder;
    if (exitCode === HELD_BY_ANOTHER) {
      throw new LabError(`another command is working on ${options.what}`, {
        hint: "wait until it is done, or end it, and try again",
        log: path,
      });
    }
    throw new LabError(`could not lock ${path}: ${stderr.trim()}`);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end();
      await holder;
    },
  };
}

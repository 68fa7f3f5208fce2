import { LocalApiClient } from "@cluster-os/api/drivers";
import { execa } from "execa";
import { CommandError } from "../command.ts";
import type { Captured, Machine, RunOptions } from "../site.ts";

/** The machine this program runs on, as a node of a cluster. */
export const thisMachine: Machine = {
  name: "this machine",
  isRunning: () => Promise.resolve(true),
  api: () => Promise.resolve(new LocalApiClient()),
  run: async (argv, options) => (await exec(argv, "inherit", options)).exitCode,
  capture: (argv, options) => exec(argv, "pipe", options),
};

async function exec(
  [program = "", ...args]: readonly string[],
  stdio: "inherit" | "pipe",
  { env = {} }: RunOptions = {},
): Promise<Captured> {
  const result = await execa(program, args, {
    env,
    reject: false,
    stdin: stdio === "inherit" ? "inherit" : "ignore",
    stdout: stdio,
    stderr: stdio,
    stripFinalNewline: false,
  });
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new CommandError(`could not run ${program} on this machine`, { cause: result.cause });
  }
  return { exitCode: result.exitCode ?? 128, stdout: result.stdout ?? "", stderr: result.stderr ?? "" };
}

/** `cluster-os`: chooses what commands touch, runs the one that was asked for, and leaves with its exit code. */
import { systemClock, systemRng } from "@cluster-os/std/drivers";
import manifest from "../package.json" with { type: "json" };
import type { Output } from "./command.ts";
import { realLab } from "./drivers/lab.ts";
import { findRepository } from "./drivers/repository.ts";
import { thisMachine } from "./drivers/this-machine.ts";
import { runCommandLine } from "./run-command-line.ts";

const repository = findRepository(import.meta.dirname);

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: outputTo(process.stdout),
  stderr: outputTo(process.stderr),
  program: repository === undefined ? "cluster-os" : "npx cluster-os",
  version: manifest.version,
  lab: realLab({ repository, env: process.env }),
  thisMachine,
  clock: systemClock,
  rng: systemRng,
  pollMs: 500,
});

function outputTo(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY && process.env["TERM"] !== "dumb",
    columns: stream.columns ?? 80,
  };
}

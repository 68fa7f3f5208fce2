import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { LocalApiClient } from "@cluster-os/api/drivers";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import type { Sight } from "./sight.ts";

const PROGRAM = join(import.meta.dirname, "machine.ts");

/** One machine: its process, and what it says it sees. */
export class Machine {
  readonly folder: string;
  readonly api: LocalApiClient;
  /** The newest, and when it came. */
  sight: Sight | undefined;
  readonly #process: ChildProcess;

  private constructor(folder: string, process: ChildProcess) {
    this.folder = folder;
    this.api = new LocalApiClient({ socketPath: join(folder, "run/bootstrap.sock"), timeoutMs: 30_000 });
    this.#process = process;
  }

  /** In the network namespace of its name. `onSight` is told whenever it sees something else. */
  static async start(
    name: string,
    options: {
      readonly root: string;
      readonly config: object;
      readonly wireGuardGo: string;
      readonly onSight: () => void;
    },
  ): Promise<Machine> {
    const folder = join(options.root, name);
    await mkdir(join(folder, "etc"), { recursive: true });
    await writeFileAtomic(join(folder, "etc/cluster-os.yaml"), JSON.stringify(options.config), {
      mode: 0o600,
    });
    const log = await open(join(folder, "log"), "a");
    const words = ["netns", "exec", name, process.execPath, ...process.execArgv, PROGRAM, folder];
    const child = spawn("ip", [...words, options.wireGuardGo], { stdio: ["ignore", log.fd, log.fd, "ipc"] });
    await log.close();
    const machine = new Machine(folder, child);
    child.on("message", (sight) => {
      machine.sight = sight as Sight;
      options.onSight();
    });
    return machine;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async end(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

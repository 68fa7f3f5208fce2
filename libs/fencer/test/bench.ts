import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import { FencerClient } from "../src/index.ts";

export const FENCER = join(import.meta.dirname, "../dist/fencer");

export interface FencerOptions {
  /** Arguments in front of the program, besides the socket. */
  readonly options?: readonly string[];
  /** What to run; the pretended slurmctld by default. */
  readonly program?: readonly string[];
  /** What to run the fencer with: another program and its arguments. */
  readonly wrapper?: readonly string[];
}

/** One fencer with a pretended slurmctld, and what a test does to them. Everything ends with it. */
export class Bench implements AsyncDisposable {
  readonly folder: string;
  readonly socket: string;
  readonly client: FencerClient;
  readonly fencer: ChildProcess;
  readonly #others: ChildProcess[] = [];

  private constructor(folder: string, { options = [], program, wrapper = [] }: FencerOptions) {
    this.folder = folder;
    this.socket = join(folder, "fence.sock");
    this.client = new FencerClient(this.socket);
    const run = program ?? this.pretended();
    const [path = "", ...args] = [...wrapper, FENCER, "--socket", this.socket, ...options, "--", ...run];
    this.fencer = spawn(path, args, { stdio: ["ignore", "ignore", "ignore"] });
  }

  static async open(options: FencerOptions = {}): Promise<Bench> {
    if (!existsSync(FENCER))
      throw new Error("npx nx run @cluster-os/fencer:build-native makes the program first");
    const bench = new Bench(await mkdtemp(join(tmpdir(), "fencer-")), options);
    await bench.until("the fencer's answer", () => bench.client.status());
    return bench;
  }

  /** The command line of the pretended slurmctld. */
  pretended(...manner: readonly string[]): readonly string[] {
    return [process.execPath, join(import.meta.dirname, "pretended.ts"), this.acts, ...manner];
  }

  get acts(): string {
    return join(this.folder, "acts");
  }

  /** The process id of the program, once it acts. */
  async acting(): Promise<number> {
    const { pid } = await this.client.status();
    await this.until("the program's first act", async () => (await this.times(pid)).length > 0);
    return pid;
  }

  /** Vouches for LEASE at a time until the program acts; returns its process id and the last deadline. */
  async actingFor(leaseMs: number): Promise<{ readonly pid: number; readonly deadlineMs: number }> {
    return this.until("the program's first act", async () => {
      const { nowMs } = await this.client.status();
      const { pid, deadlineMs, refused } = await this.client.extend(1, nowMs + leaseMs);
      if (refused !== undefined) throw new Error(refused);
      return (await this.times(pid)).length > 0 && { pid, deadlineMs };
    });
  }

  /** When the program of this process id acted, in milliseconds since boot. */
  async times(pid: number): Promise<readonly number[]> {
    const text = await readFile(this.acts, "utf8").catch(() => "");
    const lines = text.split("\n").map((line) => line.split(" "));
    return lines.filter(([who]) => who === String(pid)).map(([, at]) => Number(at));
  }

  /** A process that vouches regularly. */
  agent(leaseMs: number): ChildProcess {
    const args = [
      "--conditions=@cluster-os/source",
      join(import.meta.dirname, "agent.ts"),
      this.socket,
      String(leaseMs),
    ];
    const agent = spawn(process.execPath, args, { stdio: "ignore" });
    this.#others.push(agent);
    return agent;
  }

  until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
    return waitFor(look, { what, timeoutMs: 30_000, everyMs: 20 });
  }

  untilGone(pid: number): Promise<true> {
    return this.until(
      `the end of process ${pid}`,
      async () => (await stateOf(pid)) === undefined && (true as const),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.fencer, ...this.#others]) {
      if (one.exitCode !== null || one.signalCode !== null) continue;
      const gone = once(one, "exit");
      one.kill("SIGKILL");
      await gone;
    }
    await rm(this.folder, { recursive: true });
  }
}

/** The state of a process by /proc (R, S, T...), undefined when it is gone or only waits to be buried. */
export async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const state = stat?.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state === "Z" || state === "X" ? undefined : state;
}

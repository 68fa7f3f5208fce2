/**
 * Bad input to a running agent: mutated datagrams and mutated streams, over loopback, to the sockets, the driver and the protocol
 * that ship, in a process of their own. Nothing may end it, nothing mutated may be acted on, and its memory may not grow.
 *
 *     npx nx run bootstrap:bad-input -- --datagrams 1000000 --streams 100000 --seed 1
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRng, type Rng } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import type { AgentOrder, AgentQuestion, AgentReport } from "./agent.ts";
import { recordedCluster } from "./corpus.ts";
import { DatagramGun } from "./datagrams.ts";
import { fireStreams } from "./streams.ts";

const MIB = 2 ** 20;
/** Counters of messages that were believed: its own word had to be defended, or was said elsewhere, too. */
const BELIEVED = ["membership.accepted", "membership.refutations", "membership.ownKeyElsewhere"];
/** What a garbage collector may leave lying. */
const MOST_GROWTH_MIB = 32;

class Agent {
  readonly #process: ChildProcess;

  constructor(order: AgentOrder) {
    const execArgv = [
      "--expose-gc",
      "--max-semi-space-size=1",
      "--max-old-space-size=96",
      ...process.execArgv,
    ];
    this.#process = fork(join(import.meta.dirname, "agent.ts"), [], { execArgv, serialization: "advanced" });
    this.#process.send(order);
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async report(): Promise<AgentReport> {
    return this.#ask("report");
  }

  async heard(): Promise<number> {
    return this.#ask("heard");
  }

  async #ask<Answer>(question: AgentQuestion): Promise<Answer> {
    if (this.hasEnded) throw new Error("the agent ended");
    const waiting = new AbortController();
    const { signal } = waiting;
    const ended = once(this.#process, "exit", { signal }).then(() => [new Error("the agent ended")]);
    const answered = once(this.#process, "message", { signal });
    this.#process.send(question);
    const [answer] = (await Promise.race([answered, ended])) as [Answer | Error];
    waiting.abort();
    await ended.catch(() => {});
    if (answer instanceof Error) throw answer;
    return answer;
  }

  end(): void {
    this.#process.kill("SIGKILL");
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      datagrams: { type: "string", default: "20000" },
      streams: { type: "string", default: "2000" },
      seed: { type: "string", default: "1" },
    },
  });
  const rng = seededRng(Number(values.seed));
  const { state, seeds, messages } = recordedCluster();
  const folder = await mkdtemp(join(tmpdir(), "bad-input-"));
  const agent = new Agent({ state, ...seeds, statePath: join(folder, "state") });
  try {
    const before = await agent.report();
    // Once for the caches and the compiler: what grows after that grows for ever.
    await volley(agent, before.port, messages, rng, warmUp(Number(values.datagrams), Number(values.streams)));
    const warm = await agent.report();
    const begun = performance.now();
    const counts = { datagrams: Number(values.datagrams), streams: Number(values.streams) };
    await volley(agent, warm.port, messages, rng, counts);
    // Connections that were left open end by themselves after ten seconds.
    await waitFor(async () => (await agent.report()).openFiles <= warm.openFiles + 4, {
      what: "the end of all connections",
      timeoutMs: 60_000,
      everyMs: 500,
    });
    tell(warm, await agent.report(), counts, (performance.now() - begun) / 1_000);
  } finally {
    agent.end();
    await rm(folder, { recursive: true });
  }
}

function warmUp(datagrams: number, streams: number) {
  return { datagrams: Math.min(20_000, datagrams), streams: Math.min(1_000, streams) };
}

async function volley(
  agent: Agent,
  port: number,
  messages: readonly Uint8Array[],
  rng: Rng,
  counts: { readonly datagrams: number; readonly streams: number },
): Promise<void> {
  await using gun = await DatagramGun.open(port);
  await gun.fire({ messages, rng, count: counts.datagrams, heard: () => agent.heard() });
  await fireStreams({ port, messages, rng, count: counts.streams });
}

function tell(
  before: AgentReport,
  after: AgentReport,
  counts: { readonly datagrams: number; readonly streams: number },
  seconds: number,
): void {
  console.log(
    `${counts.datagrams} mutated datagrams and ${counts.streams} mutated streams in ${seconds.toFixed(0)} s; ` +
      `${after.heard - before.heard} messages arrived whole`,
  );
  for (const [name, count] of Object.entries(after.counters)) {
    const grown = count - (before.counters[name] ?? 0);
    if (grown > 0) console.log(`  ${name}: ${grown}`);
  }
  const grownMib = (after.residentBytes - before.residentBytes) / MIB;
  console.log(
    `  resident memory ${(before.residentBytes / MIB).toFixed(0)} -> ${(after.residentBytes / MIB).toFixed(0)} MiB; ` +
      `open files ${before.openFiles} -> ${after.openFiles}`,
  );
  for (const name of BELIEVED) {
    const grown = (after.counters[name] ?? 0) - (before.counters[name] ?? 0);
    if (grown > 0) throw new Error(`${grown} mutated messages were believed (${name})`);
  }
  if (after.known !== before.known)
    throw new Error(`a mutated message was acted on: it knew\n${before.known}\nand knows\n${after.known}`);
  if (grownMib > MOST_GROWTH_MIB) throw new Error(`its memory grew by ${grownMib.toFixed(0)} MiB`);
}

await main();

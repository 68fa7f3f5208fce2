/**
 * How far replicas are behind: a burst of jobs is written into a directory as slurmctld writes them - two files of the job, then
 * job_state anew - and each is timed from there until a majority of three machines has it on disk. The machines are processes on
 * this host, over TLS on loopback. Beside it, in the same run, what one machine alone takes to flush the same files.
 *
 *     node --conditions=@cluster-os/source bench/src/replication.ts [--jobs 500] [--per-second 50]
 *
 * Prints Markdown.
 */
import { fork, type ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { availableParallelism, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Replica } from "@cluster-os/replication/drivers";
import { Authority, freePort, save } from "@cluster-os/replication/testing";
import { delay } from "@cluster-os/std/drivers";
import { latencyCells, type Span } from "./latencies.ts";
import { markdownTable } from "./markdown.ts";
import { openMachine, type MachineOptions } from "./replication/machine.ts";

const { values } = parseArgs({
  options: { jobs: { type: "string", default: "500" }, "per-second": { type: "string", default: "50" } },
});
const jobs = Number(values.jobs);
const perSecond = Number(values["per-second"]);
const IDS = ["a", "b", "c"];
const signal = new AbortController().signal;

const folder = await mkdtemp(join(tmpdir(), "cluster-os-bench-"));
const followers: ChildProcess[] = [];
try {
  const machines = await machineOptions();
  const [leader, ...others] = machines as [MachineOptions, ...MachineOptions[]];
  const replica = await openMachine(leader);
  for (const options of others) followers.push(await follower(options));
  await replica.lead({ epoch: 1, replicas: IDS, mayFound: true }, signal);
  const state = join(leader.folder, "state");
  const rows = [
    ["flushed on one machine", ...latencyCells(await alone(join(folder, "alone")))],
    [`${perSecond} jobs/s`, ...latencyCells(await burst(replica, state, 1, 1000 / perSecond))],
    ["as fast as they are written", ...latencyCells(await burst(replica, state, jobs + 1, 0))],
  ];
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  console.log(`Linux ${release()}, ${availableParallelism()} cores, load ${load} at the end\n`);
  const headers = ["jobs", "count", "whole (s)", "per second (1/s)", "p50 (ms)", "p99 (ms)", "longest (ms)"];
  console.log(markdownTable(headers, rows));
} finally {
  for (const process of followers) process.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}
// Connections to followers that are gone need no goodbye.
process.exit();

async function burst(
  replica: Replica,
  state: string,
  first: number,
  everyMs: number,
): Promise<readonly Span[]> {
  const kept: Promise<Span>[] = [];
  const began = performance.now();
  for (let job = first; job < first + jobs; job += 1) {
    const due = began + (job - first) * everyMs;
    await delay(Math.max(0, due - performance.now()));
    submit(state, job);
    const from = performance.now();
    kept.push(replica.flush(signal).then(() => ({ from, to: performance.now() })));
  }
  return Promise.all(kept);
}

/** The same files, each flushed before the next. */
async function alone(state: string): Promise<readonly Span[]> {
  await mkdir(state);
  const spans: Span[] = [];
  for (let job = 1; job <= jobs; job += 1) {
    const from = performance.now();
    for (const path of submit(state, job)) {
      const file = await open(path, "r");
      await file.sync();
      await file.close();
    }
    spans.push({ from, to: performance.now() });
  }
  return spans;
}

/** Writes what slurmctld writes; gives the files. */
function submit(state: string, job: number): readonly string[] {
  const own = join(state, `hash.${job % 10}`, `job.${job}`);
  mkdirSync(own, { recursive: true });
  const files = [join(own, "script"), join(own, "environment")];
  for (const path of files) writeFileSync(path, `#!/bin/sh\n# job ${job}\n${"sleep 1\n".repeat(40)}`);
  save(state, "job_state", `state up to ${job}\n`.repeat(300));
  return [...files, join(state, "job_state")];
}

async function machineOptions(): Promise<readonly MachineOptions[]> {
  using authority = new Authority();
  const addresses: Record<string, { readonly host: string; readonly port: number }> = {};
  for (const [at, id] of IDS.entries()) {
    const host = `127.0.0.${31 + at}`;
    addresses[id] = { host, port: await freePort(host) };
  }
  return IDS.map((self) => {
    const own = join(folder, self);
    mkdirSync(join(own, "state"), { recursive: true });
    return { self, folder: own, addresses, credentials: authority.issue(self) };
  });
}

async function follower(options: MachineOptions): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "replication/follower.ts"), [JSON.stringify(options)]);
  await new Promise((resolve) => child.once("message", resolve));
  return child;
}

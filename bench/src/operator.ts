/**
 * What clusternode-operator bears: how soon it acts, what that costs the API, and whether it fits in the chart's limits.
 *
 *     make bench-operator     or: node --conditions=@cluster-os/source bench/src/operator.ts [--nodes N] [--peers N]
 *                                 [--rate PER_SECOND] [--rest SECONDS]
 *
 * On a real API server with everything installed runs the operator as its image does: bundled, as its own service account,
 * under the limits of the chart (so as root). The machines are objects without machines: their Leases are renewed and
 * their Nodes reported at the pace of node-agent and kubelet. Prints Markdown on standard output and progress on standard
 * error; takes about four minutes. Ends with 1 if the operator wrote anything while nothing happened.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AGENT_LEASE_SECONDS, findCondition, type ClusterNodeObject } from "@cluster-os/api";
import { Informer, KubeClient, RESOURCES, type Node } from "@cluster-os/kube";
import { silentLogger } from "@cluster-os/std";
import { delay, systemClock, systemRng } from "@cluster-os/std/drivers";
import { connectAs, startCluster } from "@cluster-os/tools/cluster";
import { parse } from "yaml";
import { latencyCells, type Span } from "./latencies.ts";
import { markdownTable } from "./markdown.ts";
import { CLUSTER_NODES, Fleet } from "./operator/fleet.ts";
import { fakeFleet } from "./operator/fleet-objects.ts";
import { OperatorProcess } from "./operator/operator-process.ts";
import { deedsBetween, PHASE_HEADERS, phaseRow, writesOf, type Phase } from "./operator/phases.ts";
import { parseQuantity } from "./operator/quantity.ts";
import { Sightings } from "./operator/sightings.ts";

const USER = "bench";
const LABEL = "bench";
const PATIENCE_MS = 180_000;
/** Longer than an answer of an API server that is slow. */
const SETTLED_MS = 5000;

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1000" },
    peers: { type: "string", default: "64" },
    rate: { type: "string", default: "20" },
    rest: { type: "string", default: "30" },
  },
});
const count = Number(values.nodes);
const restS = Number(values.rest);
const rate = Number(values.rate);

/**
 * Rejects when somebody wants to stop: what was started is ended all the same. It goes on listening, since execa ends the
 * process at a signal that nobody else listens to.
 */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
});
interrupted.catch(() => {});

const limits = await chartLimits();
const started = await startCluster();
if ("missing" in started) throw new Error(started.missing);
await using api = started;
await mayDoAll(USER);
using client = new KubeClient(await connectAs(api, USER), { userAgent: "cluster-os-bench" });
const fleet = new Fleet(client, fakeFleet(count, Number(values.peers), "2026-01-01T00:00:00Z"));
progress(`${count} machines are made`);
await Promise.race([fleet.create(), interrupted]);
const watching = { client, clock: systemClock, rng: systemRng, logger: silentLogger };
await using clusterNodes = new Informer<ClusterNodeObject>({ ...watching, resource: CLUSTER_NODES });
await using nodes = new Informer<Node>({ ...watching, resource: RESOURCES.node });
for (const informer of [clusterNodes, nodes]) informer.start();
await Promise.all([clusterNodes.synced(), nodes.synced()]);
fleet.startHearts();

const latencies: (readonly string[])[] = [];
const phases: Phase[] = [];
progress("the operator starts");
const { operator, begun } = await OperatorProcess.start(api, limits);
await using _operator = operator;
try {
  await phase("cold start", async () => {
    const readyAt = await sawReady("True", "all are judged");
    told(
      "cold start until Ready is judged",
      [...readyAt.values()].map((to) => ({ from: begun, to })),
    );
  });
  await phase("at rest", () => delay(restS * 1000));
  await phase(`${rate} specs changed a second`, () => changeSpecs("steady", rate));
  await phase("all specs changed at once", () => changeSpecs("burst", Number.POSITIVE_INFINITY));
  await phase("all Leases expire", expire);
  await phase("all come back", async () => {
    fleet.startHearts();
    const readyAt = await sawReady("True", "all are Ready again");
    told("first renewal until Ready", spans(fleet.firstRenewedAt, readyAt));
  });
  await phase("at rest again", () => delay(restS * 1000));
  await report();
} catch (error) {
  progress(await operator.lastWords());
  throw error;
} finally {
  await fleet.stopHearts();
}

/** Carries out one phase, and looks at the operator before and once it has nothing left to tell. */
async function phase(name: string, act: () => Promise<void>): Promise<void> {
  progress(name);
  const before = await operator.look();
  const after = await Promise.race([act().then(settled), operator.failed, interrupted]);
  phases.push({ name, deeds: deedsBetween(before, after), after });
  process.stderr.write(
    `  ${phaseRow(phases.at(-1) as Phase)
      .slice(1)
      .join("  ")}\n`,
  );
}

/** Events are written one after the other, and last: when there was no write for so long it is done. */
async function settled() {
  for (let before = await operator.look(); ;) {
    await delay(SETTLED_MS);
    const after = await operator.look();
    if (writesOf(deedsBetween(before, after)) === 0) return after;
    before = after;
  }
}

async function changeSpecs(value: string, perSecond: number): Promise<void> {
  using labelled = new Sightings(nodes.store, ({ metadata }) => metadata.labels?.[LABEL] === value);
  using confirmed = new Sightings(clusterNodes.store, ({ metadata, spec, status }) => {
    const applied = findCondition(status?.conditions, "SpecApplied");
    return spec?.labels?.[LABEL] === value && applied?.observedGeneration === metadata.generation;
  });
  const sentAt = await fleet.label(LABEL, value, perSecond);
  const name = perSecond === Number.POSITIVE_INFINITY ? "at once" : `${perSecond}/s`;
  const labelledAt = await labelled.ofAll(fleet.names, "labels on the Nodes", PATIENCE_MS);
  told(`specs changed, ${name}: until the Node shows it`, spans(sentAt, labelledAt));
  const confirmedAt = await confirmed.ofAll(fleet.names, "SpecApplied of the new generation", PATIENCE_MS);
  told(`specs changed, ${name}: until SpecApplied confirms it`, spans(sentAt, confirmedAt));
}

async function expire(): Promise<void> {
  await fleet.stopHearts();
  const expiresAt = new Map(
    [...fleet.renewedAt].map(([name, at]) => [name, at + AGENT_LEASE_SECONDS * 1000]),
  );
  told("expiry until Ready is Unknown", spans(expiresAt, await sawReady("Unknown", "all are Unknown")));
}

async function sawReady(status: string, what: string): Promise<ReadonlyMap<string, number>> {
  using seen = new Sightings(clusterNodes.store, (node) => {
    return findCondition(node.status?.conditions, "Ready")?.status === status;
  });
  return await seen.ofAll(fleet.names, what, PATIENCE_MS);
}

function spans(from: ReadonlyMap<string, number>, to: ReadonlyMap<string, number>): readonly Span[] {
  return fleet.names.map((name) => ({ from: from.get(name) ?? Number.NaN, to: to.get(name) ?? Number.NaN }));
}

function told(name: string, seen: readonly Span[]): void {
  latencies.push([name, ...latencyCells(seen)]);
}

async function report(): Promise<void> {
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  const { longestGapMs, failures } = fleet.heartbeats;
  const { peak, throttled } = await operator.worst();
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  console.log(
    `${count} machines, ${availableParallelism()} cores, load ${load} at the end. Longest time between two renewals of a ` +
      `Lease: ${(longestGapMs / 1000).toFixed(1)} s; failed calls of the machines: ${failures}.\n`,
  );
  const how = ["of", "(1)", "in (s)", "(1/s)", "p50 (ms)", "p99 (ms)", "longest (ms)"];
  console.log(markdownTable(how, latencies));
  console.log(markdownTable(PHASE_HEADERS, phases.map(phaseRow)));
  console.log(
    `Most memory charged: ${mebibytes(peak)} MiB of ${mebibytes(limits.memoryBytes)} MiB; held back by the limit of ` +
      `${limits.cpus} CPU in ${throttled} periods of 100 ms.`,
  );
  for (const { name, deeds } of phases.filter((one) => one.name.startsWith("at rest"))) {
    const writes = writesOf(deeds);
    if (writes === 0) continue;
    console.log(`\n**${name} it wrote ${writes} times, and nothing had happened.**`);
    process.exitCode = 1;
  }
}

async function chartLimits() {
  const file = join(import.meta.dirname, "../../infra/charts/cluster-os/values.yaml");
  const chart = parse(await readFile(file, "utf8")) as {
    readonly operators: {
      readonly resources: { readonly limits: { readonly cpu: string; readonly memory: string } };
    };
  };
  const { cpu, memory } = chart.operators.resources.limits;
  return { cpus: parseQuantity(cpu), memoryBytes: parseQuantity(memory) };
}

/** The user stands for many, each of whom may do only a part of it. */
async function mayDoAll(user: string): Promise<void> {
  const args = ["create", "clusterrolebinding", user, "--clusterrole=cluster-admin", `--user=${user}`];
  const { isDone, stderr } = await api.kubectl(args);
  if (!isDone) throw new Error(stderr);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

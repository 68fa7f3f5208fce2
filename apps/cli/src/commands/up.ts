import { durationMs } from "@cluster-os/api";
import { clusterConfig } from "../cluster-config.ts";
import { parseWhole, parseWords } from "../arguments.ts";
import { UsageError, CommandError, type Command, type Context } from "../command.ts";
import { describeMachine, isFormed, readyNodes, remember, whatHappened } from "../formation.ts";
import { findServer, kubectlCommand, listClusterNodes, pickServer } from "../kubectl.ts";
import { openProgress, type Progress } from "../output/progress.ts";
import { runMpiJob } from "../mpi-job.ts";
import { observe, requireLab, type LabDriver, type LabMachine, type Observation } from "../site.ts";
import { renderMesh } from "../views.ts";
import { waitFor } from "@cluster-os/std/drivers";

const MOST_NODES = 50;

/**
 * What differs between kinds of machines: how long they may take, how often to look, and what their file says of their
 * patience. A look costs an emulated machine seconds of its processor, so it is left in peace, and asked for its
 * ClusterNodes only when there may be some.
 */
const PACE: Record<LabDriver, Pace> = {
  nspawn: { timeoutS: 600, looksPerPoll: 1, patience: 1, asksEarly: true },
  qemu: { timeoutS: 3600, looksPerPoll: 10, patience: 10, asksEarly: false },
};

interface Pace {
  readonly timeoutS: number;
  /** Time between two looks, as a multiple of the context's. */
  readonly looksPerPoll: number;
  readonly patience: number;
  /** Whether to ask for ClusterNodes before bootstrap says that all machines are in. */
  readonly asksEarly: boolean;
}

export const up: Command = {
  name: "up",
  usage:
    "[--nodes N] [--driver DRIVER] [--expect N] [--max-servers N] [--failed-server-grace TIME] [--timeout SECONDS] [--mpi | --no-wait]",
  summary: "boot N machines on this host (default 3) and wait until they are one cluster",
  details: [
    "--nodes N           how many machines, 1 to 50 (default 3)",
    "--driver DRIVER     nspawn: containers with a systemd each (default); qemu: emulated computers, with kernels of",
    "                    their own and much slower. The variable CLUSTER_OS_DRIVER changes the default.",
    "--expect N          how many of them found the cluster; the others join it (default: all of them)",
    "--max-servers N     how many of them run the control plane at most: 1, 3 or 5 (default 5)",
    "--timeout SECONDS   how long to wait until every node is Ready (default 600; emulated 3600)",
    "--failed-server-grace TIME",
    "                    after how long a worker takes a lost server's place, for example 20s (default 5m). The variable",
    "                    CLUSTER_OS_FAILED_SERVER_GRACE changes the default.",
    "--mpi               at the end, an MPI job by SLURM over all of them",
    "--no-wait           only boot them; typed again without it, it waits",
    "",
    "Builds what machines are made of where it is missing; needs root. When machines run already, it waits for them.",
  ],
  async run(args, context) {
    const { values } = parseWords(args, {
      nodes: { type: "string" },
      driver: { type: "string" },
      timeout: { type: "string" },
      expect: { type: "string" },
      "max-servers": { type: "string" },
      "failed-server-grace": { type: "string" },
      mpi: { type: "boolean" },
      "no-wait": { type: "boolean" },
    });
    if (values.mpi && values["no-wait"])
      throw new UsageError("--mpi waits for the cluster, --no-wait does not");
    const nodes = parseWhole(values.nodes ?? "3", "--nodes", 1, MOST_NODES);
    const expect = parseWhole(values.expect ?? String(nodes), "--expect", 1, nodes);
    const driver = parseDriver(values.driver) ?? context.lab.defaultDriver;
    const pace = PACE[driver];
    const timeoutMs = parseWhole(values.timeout ?? String(pace.timeoutS), "--timeout", 1, 86_400) * 1000;
    const grace = parseGrace(values["failed-server-grace"] ?? context.lab.failedServerGrace);
    const maxServers = parseMaxServers(values["max-servers"]);
    requireLab(context);
    const progress = openProgress(context.stdout, () => context.clock.now());
    const machines = await bootOrFind({ nodes, expect, driver, grace, maxServers, progress, context });
    if (values["no-wait"] === true) {
      progress.end();
      return 0;
    }
    try {
      await becomeReady(machines, { timeoutMs, pace, progress, context });
    } finally {
      progress.end();
    }
    await showCluster(machines, context);
    if (values.mpi) await runMpiJob(machines, context);
    suggest(context);
    return 0;
  },
};

function parseDriver(text: string | undefined): LabDriver | undefined {
  if (text === undefined || text === "nspawn" || text === "qemu") return text;
  throw new UsageError(`the driver is nspawn or qemu, not "${text}"`);
}

function parseGrace(text: string | undefined): string | undefined {
  if (text === undefined || Number.isFinite(durationMs(text))) return text;
  throw new UsageError(`--failed-server-grace is a time such as 20s, 5m or 1h, not "${text}"`);
}

function parseMaxServers(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (["1", "3", "5"].includes(text)) return Number(text);
  throw new UsageError(`--max-servers is 1, 3 or 5, so that a majority is more than half, not "${text}"`);
}

interface Booting {
  readonly nodes: number;
  readonly expect: number;
  readonly driver: LabDriver;
  /** How long a lost server is waited for; by default as long as anywhere. */
  readonly grace: string | undefined;
  readonly maxServers: number | undefined;
  readonly progress: Progress;
  readonly context: Context;
}

async function bootOrFind({
  nodes,
  expect,
  driver,
  grace,
  maxServers,
  progress,
  context,
}: Booting): Promise<readonly LabMachine[]> {
  const found = await context.lab.machines();
  const running = (await observe(found)).filter(({ isRunning }) => isRunning).length;
  if (running === 0 || running < found.length) {
    // Also the remains of an `up` that was killed: the lab sweeps them away, or says that it is up.
    const config = clusterConfig({
      expect,
      rng: context.rng,
      patience: PACE[driver].patience,
      ...(grace !== undefined && { failedServerGrace: grace }),
      ...(maxServers !== undefined && { maxServers }),
    });
    return context.lab.up({ driver, nodes, config, onStep: (what) => progress.step(what) });
  }
  if (found.length !== nodes) {
    throw new UsageError(
      `${found.length} machines run already, not ${nodes}; end them first: ${context.program} down`,
    );
  }
  progress.step(`found ${nodes} machines running`);
  return found;
}

/** Tells what happens on the machines until all of them are Ready nodes of one cluster. */
async function becomeReady(
  machines: readonly LabMachine[],
  {
    timeoutMs,
    pace,
    progress,
    context,
  }: {
    readonly timeoutMs: number;
    readonly pace: Pace;
    readonly progress: Progress;
    readonly context: Context;
  },
): Promise<void> {
  let last: readonly Observation[] = [];
  const ready = new Set<string>();
  let death: CommandError | undefined;
  const look = async (): Promise<boolean> => {
    const now = await observe(machines);
    whatHappened(last, now).forEach((line) => progress.step(line));
    progress.board(now.map(describeMachine));
    last = remember(last, now);
    death = firstDeath(now, context);
    if (death !== undefined) return true;
    if (!pace.asksEarly && !isFormed(now)) return false;
    const server = pickServer(machines, now);
    if (server === undefined) return false;
    for (const name of readyNodes((await listClusterNodes(server)) ?? [])) {
      if (!ready.has(name)) progress.step(`${name} is Ready`);
      ready.add(name);
    }
    return isFormed(now) && ready.size === machines.length;
  };
  const everyMs = context.pollMs * pace.looksPerPoll;
  await waitFor(look, { what: "the cluster", timeoutMs, everyMs }).catch((cause: unknown) => {
    throw tooSlow(last, { cause, timeoutMs, context });
  });
  if (death !== undefined) throw death;
}

function firstDeath(observations: readonly Observation[], { program }: Context): CommandError | undefined {
  const dead = observations.find(({ isRunning }) => !isRunning);
  if (dead === undefined) return undefined;
  const { machine, fault } = dead;
  if (fault !== undefined) {
    return new CommandError(`the kernel of ${machine} stopped while the cluster formed: ${fault}`, {
      log: `${program} info ${machine} names the file of its console`,
      hint: `${program} kill ${machine}, then ${program} start ${machine}`,
    });
  }
  return new CommandError(`${machine} went off while the cluster formed`, {
    log: `${program} logs ${machine} --all`,
    hint: `${program} start ${machine}`,
  });
}

function tooSlow(
  last: readonly Observation[],
  {
    cause,
    timeoutMs,
    context,
  }: { readonly cause: unknown; readonly timeoutMs: number; readonly context: Context },
): CommandError {
  const slowest = last.find(({ status }) => status?.kubernetes.state !== "ready") ?? last[0];
  const states = last.map((observation) => `\n  ${describeMachine(observation)}`).join("");
  return new CommandError(
    `not every node was Ready within ${timeoutMs / 1000} s; the machines run on:${states}`,
    {
      log: `${context.program} logs ${slowest?.machine ?? "m1"}`,
      hint: `${context.program} status, or ${context.program} up again to wait longer`,
      cause,
    },
  );
}

async function showCluster(machines: readonly LabMachine[], context: Context): Promise<void> {
  const { stdout } = context;
  const server = await findServer(machines, context);
  const { mesh, name } = await (await server.api()).status();
  stdout.write("\n$ kubectl get clusternodes -o wide\n");
  await server.run(kubectlCommand(["get", "clusternodes", "--output=wide"]));
  if (mesh !== undefined) stdout.write(`\n${renderMesh(name, mesh, context.clock.wallTime())}`);
}

function suggest({ stdout, program }: Context): void {
  stdout.write(`
Try next:
  ${program} status
  ${program} kubectl get nodes,pods --all-namespaces -o wide
  ${program} shell m1
  ${program} kill m1      # the others carry on; look at it with status, bring it back with start m1
  ${program} down
`);
}

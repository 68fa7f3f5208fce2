/**
 * How long bare machines take to become a cluster, and what our daemons cost once they have:
 *
 *     make bench     or: node --conditions=@cluster-os/source bench/src/formation.ts [--nodes N] [--rest SECONDS] [--keep]
 *
 * Prints Markdown on standard output and progress on standard error. Boots machines in a lab of its own, as root, and ends
 * them afterwards unless they are to be kept.
 */
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Lab } from "@cluster-os/lab";
import { delay } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { daemonRows, type Daemon } from "./daemons.ts";
import { markdownTable } from "./markdown.ts";
import { usageOf } from "./observe-daemons.ts";
import { parseSteps, stepRows } from "./steps.ts";

const NAME = "bench";
const UNITS = [
  "cluster-os-bootstrap",
  "cluster-os-node-agent",
  "cluster-os-wireguard",
  "cluster-os-balancer",
];

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "3" },
    rest: { type: "string", default: "30" },
    keep: { type: "boolean", default: false },
  },
});
const nodes = Number(values.nodes);
const restS = Number(values.rest);

const lab = new Lab({ name: NAME });
await lab.down();
try {
  const output = await up();
  const daemons = await measureAtRest();
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  console.log(`${nodes} machines in the lab, ${availableParallelism()} cores, load ${load} at the end\n`);
  console.log(
    markdownTable(["step", "first (s)", "last (s)", "machines"], stepRows(parseSteps(output), nodes)),
  );
  console.log(
    markdownTable(
      ["machine", "daemon", "PSS (MiB)", "RSS (MiB)", "CPU (% of a core)"],
      daemonRows(daemons, restS),
    ),
  );
} finally {
  if (!values.keep) await lab.down();
}

async function up(): Promise<string> {
  const root = join(import.meta.dirname, "../..");
  const { stdout } = await execa("cluster-os", ["up", "--nodes", String(nodes)], {
    cwd: root,
    env: { CLUSTER_OS_LAB: NAME },
    preferLocal: true,
    localDir: root,
    stdin: "ignore",
    stdout: ["pipe", process.stderr],
    stderr: "inherit",
  });
  return stdout;
}

/** Looks at each daemon twice, `restS` seconds apart; nothing happens in the cluster between. */
async function measureAtRest(): Promise<readonly Daemon[]> {
  const before = await look();
  console.error(`measuring for ${restS} s at rest`);
  await delay(restS * 1000);
  const after = await look();
  return before.flatMap(({ machine, unit, usage }, index) => {
    const later = after[index]?.usage;
    return usage === undefined || later === undefined ? [] : [{ machine, unit, before: usage, after: later }];
  });
}

async function look() {
  const machines = await lab.machines();
  return Promise.all(
    machines.flatMap((machine) =>
      UNITS.map(async (unit) => ({ machine: machine.name, unit, usage: await usageOf(machine, unit) })),
    ),
  );
}

/**
 * What the loss of servers costs, and how long machines take to become a cluster, beside kubeadm alone on the same machines:
 *
 *     make bench-control-plane     or: node --conditions=@cluster-os/source bench/src/control-plane.ts
 *       [--runs 5] of everything   [--only ours|kubeadm]   [--grace 20] seconds after which a lost server is replaced
 *
 * Three machines become servers, anew in each run. Four (a worker beside) lose, in each run, the server that leads Kubernetes' controllers
 * and etcd. Five lose their power together. Machines of labs of its own, as root. Prints Markdown on standard output and progress on
 * standard error.
 */
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Lab } from "@cluster-os/lab";
import { cyclePower, loseLeader, type Loss, type Subject } from "./control-plane/losses.ts";
import { oursUp } from "./control-plane/ours.ts";
import { plainUp } from "./control-plane/plain.ts";
import { controlPlaneRows, type Measured } from "./control-plane/rows.ts";
import { markdownTable } from "./markdown.ts";

const NAME = "bench";
const SERVERS = 3;
const CYCLED = 5;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    grace: { type: "string", default: "20" },
    only: { type: "string" },
  },
});
const runs = whole("runs");
const graceS = whole("grace");

type Up = (nodes: number) => Promise<{ readonly subject: Subject; readonly upS: number }>;

const measured: Measured[] = [];
// A worker takes a lost server's place; kubeadm's fourth machine would only look on.
if (values.only !== "kubeadm")
  measured.push(await measure("Cluster-OS", (nodes) => oursUp(NAME, nodes, graceS), SERVERS + 1));
if (values.only !== "ours") measured.push(await measure("kubeadm", (nodes) => plainUp(NAME, nodes), SERVERS));
const load = loadavg()[0]?.toFixed(1) ?? "?";
console.log(`Machines in the lab, ${availableParallelism()} cores, load ${load} at the end\n`);
console.log(
  markdownTable(
    ["", "", "runs (n)", "median (s)", "longest (s)"],
    controlPlaneRows(measured, { servers: SERVERS, cycled: CYCLED, graceS }),
  ),
);

async function measure(subject: string, up: Up, lossNodes: number): Promise<Measured> {
  const upS = await times(subject, "up", () => inLab(up, SERVERS, async (_, seconds) => seconds));
  const losses = await inLab(up, lossNodes, (cluster) =>
    times<Loss>(subject, "loss", () => loseLeader(cluster)),
  );
  const cyclesMs = await inLab(up, CYCLED, (cluster) => times(subject, "cycle", () => cyclePower(cluster)));
  return { subject, upS, losses, cyclesMs };
}

/** Boots machines for one act, and ends them however it went. */
async function inLab<T>(
  up: Up,
  nodes: number,
  act: (subject: Subject, upS: number) => Promise<T>,
): Promise<T> {
  const lab = new Lab({ name: NAME });
  await lab.down();
  try {
    const { subject, upS } = await up(nodes);
    return await act(subject, upS);
  } finally {
    await lab.down();
  }
}

async function times<T>(subject: string, what: string, act: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await act();
    console.error(`${subject}, ${what}, ${run} of ${runs}: ${JSON.stringify(result)}`);
    results.push(result);
  }
  return results;
}

function whole(option: "runs" | "grace"): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--${option} ${values[option]}: a whole number from 1 on`);
}

import type { ClusterStatus } from "@cluster-os/api";
import type { Lab } from "@cluster-os/lab";
import { must } from "../src/cluster-os.ts";
import { clusterNodes, isReady } from "../src/nodes.ts";
import { nodeStates, onMachine } from "../src/slurm.ts";
import { NAMESPACE } from "./writer.ts";

/** What may never change, whatever happens to machines. */
export interface Identity {
  readonly clusterId: string;
  /** Each node's index, by its name. */
  readonly indexes: Readonly<Record<string, number>>;
}

export async function identityOf(machines: number): Promise<Identity> {
  const { clusterId, nodes } = await status();
  if (clusterId === undefined || nodes.length !== machines)
    throw new Error(`${nodes.length} of ${machines} nodes are in the cluster ${clusterId}`);
  return { clusterId, indexes: Object.fromEntries(nodes.map(({ name, index }) => [name, index])) };
}

/** Why the cluster is not what it should be when nothing is wrong with its machines; undefined when it is. */
export async function whatIsWrong(machines: number): Promise<string | undefined> {
  const nodes = await clusterNodes();
  const unready = nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name);
  if (nodes.length !== machines || unready.length > 0)
    return `${nodes.length} ClusterNodes, not Ready: ${unready.join(", ")}`;
  const { controlPlane } = await status();
  const { voters, learners, autopilot } = controlPlane;
  const sick = voters.filter(({ healthy }) => !healthy).map(({ name }) => name);
  if (voters.length !== autopilot?.wanted || sick.length > 0 || learners.length > 0)
    return `${voters.length} voters of ${autopilot?.wanted}, sick: ${sick.join(", ")}, learners: ${learners.length}`;
  const states = await nodeStates(1);
  if (states?.["idle"] !== machines) return `SLURM's nodes: ${JSON.stringify(states)}`;
  return undefined;
}

/** What is not as it has to be for ever, in words; nothing if all is. The cluster has to be well. */
export async function violations(
  lab: Lab,
  before: Identity,
  kept: { readonly writes: ReadonlySet<string>; readonly jobs: readonly string[] },
): Promise<readonly string[]> {
  const after = await identityOf(Object.keys(before.indexes).length);
  // What is acknowledged from here on may be missing in the list.
  const writes = [...kept.writes];
  const names = (await must(["kubectl", "get", "configmaps", `--namespace=${NAMESPACE}`, "--output=name"]))
    .split("\n")
    .map((line) => line.replace("configmap/", ""));
  const lostWrites = writes.filter((name) => !names.includes(name));
  const jobs = (await onMachine(1, "squeue", "--noheader", "--format=%A")).split("\n");
  const lostJobs = kept.jobs.filter((job) => !jobs.includes(job));
  const controllers = await controllersOf(lab);
  return [
    ...(after.clusterId === before.clusterId
      ? []
      : [`the cluster was ${before.clusterId}, is ${after.clusterId}`]),
    ...Object.entries(before.indexes)
      .filter(([name, index]) => after.indexes[name] !== index)
      .map(([name, index]) => `${name} had index ${index}, has ${after.indexes[name]}`),
    ...(lostWrites.length === 0 ? [] : [`acknowledged writes are gone: ${lostWrites.join(", ")}`]),
    ...(lostJobs.length === 0 ? [] : [`SLURM's jobs are gone: ${lostJobs.join(", ")}`]),
    ...(controllers.length === 1 ? [] : [`slurmctld runs on ${controllers.join(", ") || "no machine"}`]),
  ];
}

/** The machines on which slurmctld runs. */
async function controllersOf(lab: Lab): Promise<readonly string[]> {
  const machines = await lab.machines();
  const running = await Promise.all(
    machines.map(async (machine) => (await machine.exec(["pidof", "slurmctld"])).exitCode === 0),
  );
  return machines.filter((_, at) => running[at]).map(({ name }) => name);
}

/** A job that waits until somebody releases it: by its number. */
export async function submitJob(): Promise<string> {
  return onMachine(1, "sbatch", "--parsable", "--hold", "--chdir=/tmp", "--output=/dev/null", "--wrap=true");
}

async function status(): Promise<ClusterStatus> {
  return JSON.parse(await must(["status", "-o", "json"])) as ClusterStatus;
}

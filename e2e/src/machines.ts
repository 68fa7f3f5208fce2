import { findCondition } from "@cluster-os/api";
import type { Lab, Machine } from "@cluster-os/lab";
import { clusterNodes, nodeNameOf } from "./nodes.ts";

/** Machines of a cluster with one more than it has servers. */
export interface Parts {
  readonly servers: readonly Machine[];
  readonly worker: Machine;
}

/** Which machine became what. */
export async function findParts(lab: Lab): Promise<Parts> {
  const nodes = await clusterNodes();
  const roleOf = new Map(nodes.map(({ metadata, status }) => [metadata.name, status?.roles?.[0]]));
  const machines = await Promise.all(
    (await lab.machines()).map(async (machine) => ({
      machine,
      role: roleOf.get(await nodeNameOf(machine.number)),
    })),
  );
  const having = (role: string) => machines.filter((one) => one.role === role).map(({ machine }) => machine);
  const [worker] = having("worker");
  if (!worker) throw new Error("no machine became a worker");
  return { servers: having("server"), worker };
}

/** The running machine that is the node of this name. */
export async function machineOf(lab: Lab, node: string): Promise<Machine> {
  for (const machine of await lab.machines()) {
    const { exitCode, stdout } = await machine.exec(["hostname"]).catch(() => ({ exitCode: 1, stdout: "" }));
    if (exitCode === 0 && stdout.trim() === node) return machine;
  }
  throw new Error(`no running machine is ${node}`);
}

/** Since when each node is Ready. */
export async function readySince(): Promise<readonly (readonly [string, string | undefined])[]> {
  return (await clusterNodes()).map(({ metadata, status }) => [
    metadata.name,
    findCondition(status?.conditions, "Ready")?.lastTransitionTime,
  ]);
}

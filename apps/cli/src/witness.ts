import type { NodeStatus } from "@cluster-os/api";
import type { Machine, Observation } from "./site.ts";

/** Problems of machines that are in the cluster no longer and go on seeing it as it was. */
const SHUT_OUT: readonly string[] = ["revoked", "identity-yielded"];

/** The machine that can tell most of the cluster: a server with Kubernetes running, else a member, else who answers. */
export function pickWitness(
  machines: readonly Machine[],
  observations: readonly Observation[],
): Machine | undefined {
  const [witness] = observations
    .flatMap(({ machine, status }) => (status === undefined ? [] : [{ name: machine, rank: rank(status) }]))
    .sort((left, right) => right.rank - left.rank);
  return machines.find(({ name }) => name === witness?.name);
}

/** Whether this machine is of the cluster that it tells of, as far as it knows. */
export function isMember({ clusterId, problems }: NodeStatus): boolean {
  return clusterId !== undefined && !problems.some(({ kind }) => SHUT_OUT.includes(kind));
}

function rank(status: NodeStatus): number {
  return (
    Number(isMember(status)) * 4 + Number(status.role === "server") * 2 + Number(status.lifecycle === "serve")
  );
}

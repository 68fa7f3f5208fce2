import { findCondition, type ClusterNodeObject } from "@cluster-os/api";
import type { Observation } from "./site.ts";

/** What happened on the machines between two looks, a line each. */
export function whatHappened(
  before: readonly Observation[],
  after: readonly Observation[],
): readonly string[] {
  return after.flatMap((now) => {
    const earlier = before.find(({ machine }) => machine === now.machine);
    if (earlier?.isRunning === true && !now.isRunning) return [`${now.machine} went off`];
    const { status } = now;
    if (status === undefined) return [];
    const known = earlier?.status;
    const knownSteps = new Set(known?.steps.map(({ name }) => name));
    const knownProblems = new Set(known?.problems.map(({ message }) => message));
    return [
      ...(known === undefined ? [`${now.machine} is ${status.name}`] : []),
      ...status.steps.filter(({ name }) => !knownSteps.has(name)).map(({ name }) => `${now.machine} ${name}`),
      ...status.problems
        .filter(({ message }) => !knownProblems.has(message))
        .map(({ message }) => `${now.machine} says: ${message}`),
    ];
  });
}

/** How a machine stands, on one line. */
export function describeMachine({ machine, isRunning, status, silence }: Observation): string {
  if (!isRunning) return `${machine}  off`;
  if (status === undefined) return `${machine}  booting${silence === undefined ? "" : ` (${silence})`}`;
  const { name, lifecycle, role, kubernetes, members } = status;
  const words = [machine, name, lifecycle, role ?? "no role yet", `kubernetes ${kubernetes.state}`];
  return [...words, `${members.alive} members alive`].join("  ");
}

/** The newest look at each machine, with the status it last gave where it gives none now: a busy machine is silent at times. */
export function remember(
  before: readonly Observation[],
  now: readonly Observation[],
): readonly Observation[] {
  return now.map((one) => ({
    ...one,
    status: one.status ?? before.find(({ machine }) => machine === one.machine)?.status,
  }));
}

/** Whether all machines belong to one cluster and have Kubernetes running. */
export function isFormed(observations: readonly Observation[]): boolean {
  const clusters = new Set(observations.map(({ status }) => status?.clusterId));
  return (
    clusters.size === 1 &&
    !clusters.has(undefined) &&
    observations.every(({ status }) => status?.kubernetes.state === "ready")
  );
}

/** Names of the ClusterNodes that take work. */
export function readyNodes(nodes: readonly ClusterNodeObject[]): readonly string[] {
  return nodes
    .filter(({ status }) => findCondition(status?.conditions, "Ready")?.status === "True")
    .map(({ metadata }) => metadata.name);
}

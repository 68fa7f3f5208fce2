import type { ClusterNodeObject } from "@cluster-os/api";

/** What differs between two values, a line each: where, what it was, what it is. Nothing, if they are the same. */
function differences(before: unknown, after: unknown, path = ""): readonly string[] {
  if (!isObject(before) || !isObject(after)) {
    return Object.is(before, after)
      ? []
      : [`${path}: was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], `${path}/${key}`));
}

/**
 * What differs between ClusterNodes of two times, but for how far the copies of SLURM's state are: slurmctld saves when it likes, and the
 * node-agent that leads them makes one more whenever it starts (docs/adr/0023).
 */
export function differencesOfNodes(
  before: readonly ClusterNodeObject[],
  after: readonly ClusterNodeObject[],
): readonly string[] {
  return differences(
    before.map((node, at) => (isSavedMeanwhile(node, after[at]) ? withoutSaves(node) : node)),
    after.map((node, at) => (isSavedMeanwhile(before[at], node) ? withoutSaves(node) : node)),
  );
}

function isSavedMeanwhile(
  before: ClusterNodeObject | undefined,
  after: ClusterNodeObject | undefined,
): boolean {
  const [was, is] = [before, after].map((node) => node?.status?.slurm?.controller);
  return (
    was?.replica?.sequence !== is?.replica?.sequence || was?.replicatedSequence !== is?.replicatedSequence
  );
}

/** Without the version either, which every report of a save changes. */
function withoutSaves({ metadata, status, ...node }: ClusterNodeObject): unknown {
  const { resourceVersion: _, ...rest } = metadata;
  const { replica, replicatedSequence: __, ...controller } = status?.slurm?.controller ?? {};
  const slurm = { ...status?.slurm, controller: { ...controller, epochOfReplica: replica?.epoch } };
  return { ...node, metadata: rest, status: { ...status, slurm } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

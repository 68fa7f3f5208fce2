import type { Partition, SlurmClusterSpec } from "@cluster-os/api";
import { compareText } from "@cluster-os/std";
import { selectNodes, type SlurmNode } from "./nodes.ts";

/** The feature by which a partition of some nodes knows them: nodes that come later bring it along. */
function featureOf({ name }: Partition): string {
  return `partition_${name}`;
}

function isOfAll({ nodes, nodeLabels }: Partition): boolean {
  return nodes === undefined && nodeLabels === undefined;
}

/** Features of a node: one for each partition of some nodes that it is in; sorted. */
export function featuresOf(
  node: SlurmNode,
  { partitions }: Pick<SlurmClusterSpec, "partitions">,
): readonly string[] {
  return partitions
    .filter((partition) => !isOfAll(partition) && isIn(node, partition))
    .map(featureOf)
    .toSorted(compareText);
}

function isIn(node: SlurmNode, { nodes, nodeLabels }: Partition): boolean {
  return nodes?.includes(node.name) ?? selectNodes([node], nodeLabels).length > 0;
}

export function nodeSetsOf(partitions: readonly Partition[]): readonly { name: string; feature: string }[] {
  return partitions
    .filter((partition) => !isOfAll(partition))
    .map((partition) => ({ name: `nodes_of_${partition.name}`, feature: featureOf(partition) }));
}

/** Lines of slurm.conf, in the order of the spec. The first is the default where none is marked. */
export function partitionLines(partitions: readonly Partition[]): readonly string[] {
  const isMarked = partitions.some((partition) => partition.default);
  return partitions.map((partition, index) => {
    const { name, maxTime, defaultTime, maxNodes, priorityTier, exclusive, state } = partition;
    const isDefault = isMarked ? partition.default : index === 0;
    return [
      `PartitionName=${name}`,
      `Nodes=${isOfAll(partition) ? "ALL" : `nodes_of_${name}`}`,
      `Default=${isDefault ? "YES" : "NO"}`,
      `MaxTime=${maxTime}`,
      ...(defaultTime === undefined ? [] : [`DefaultTime=${defaultTime}`]),
      ...(maxNodes === undefined ? [] : [`MaxNodes=${maxNodes}`]),
      `PriorityTier=${priorityTier}`,
      ...(exclusive ? ["OverSubscribe=EXCLUSIVE"] : []),
      `State=${state.toUpperCase()}`,
    ].join(" ");
  });
}

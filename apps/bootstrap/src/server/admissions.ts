import type { NodeId } from "@cluster-os/identity";
import { NAMESPACE, nodeIndexObject } from "@cluster-os/api";
import { RESOURCES, type KubeClient } from "@cluster-os/kube";
import type { RosterEntry } from "../view.ts";
import { createOnce } from "./kube.ts";

/** No index is left in the address plan. */
export class NoIndexLeftError extends Error {
  override readonly name = "NoIndexLeftError";
}

/** The index objects as the API has them: index -> node ID. */
export async function listIndexes(kube: KubeClient): Promise<ReadonlyMap<number, string>> {
  const { items } = await kube.list(RESOURCES.configMap, { namespace: NAMESPACE });
  const indexes = new Map<number, string>();
  for (const { metadata, data } of items) {
    const index = /^node-index-([1-9][0-9]*)$/.exec(metadata.name)?.[1];
    if (index !== undefined) indexes.set(Number(index), data?.["nodeID"] ?? "");
  }
  return indexes;
}

/** The index that `nodeId` has, or else the lowest that nobody has. Undefined when all are taken. */
export function chooseIndex(
  taken: ReadonlyMap<number, string>,
  nodeId: NodeId,
  maxIndex: number,
): number | undefined {
  for (const [index, owner] of taken) if (owner === nodeId) return index;
  for (let index = 1; index <= maxIndex; index += 1) if (!taken.has(index)) return index;
  return undefined;
}

/**
 * Takes an index for a node by creating the object of that name: the API creates a name once, so two servers that admit
 * at the same moment take two indexes, and a minority of etcd takes none. Taking again gives the same index.
 */
export async function takeIndex(
  kube: KubeClient,
  nodeId: NodeId,
  maxIndex: number,
  admitted: readonly RosterEntry[],
): Promise<number> {
  // Signed records outlive an etcd that was made anew from an older state.
  const given = admitted.map((entry) => [entry.index, entry.nodeId] as const);
  for (;;) {
    const index = chooseIndex(new Map([...(await listIndexes(kube)), ...given]), nodeId, maxIndex);
    if (index === undefined)
      throw new NoIndexLeftError(`all ${maxIndex} indexes of the address plan are taken`);
    const object = nodeIndexObject(index, nodeId);
    if (await createOnce(kube, object)) return index;
    const found = await kube.find(RESOURCES.configMap, object.metadata);
    if (found?.data?.["nodeID"] === nodeId) return index;
  }
}

import {
  agentAccessObjects,
  agentLeaseName,
  agentUser,
  INDEX_LABEL,
  kubeletUser,
  NAMESPACE,
  RESTING_LABEL,
  restingPatch,
  serverUser,
} from "@cluster-os/api";
import { NodeId, nodeName } from "@cluster-os/identity";
import { resourceOf, RESOURCES, when, type KubeClient, type KubeError } from "@cluster-os/kube";
import { CLUSTER_NODES } from "./kube.ts";

export interface TracesOptions {
  readonly kube: KubeClient;
  /** The revoked node's name. */
  readonly name: string;
  readonly removeMember: (nodeName: string) => Promise<void>;
  /** Now, in RFC 3339. */
  readonly nowIso: string;
}

const gone = when<unknown>((error: KubeError) => error.isNotFound, undefined);

/**
 * Takes everything that stands for a revoked node out of the API, rights first: the operator does as much of what is
 * deleted by hand, but a revocation waits for no pod. What is gone already is as wished.
 */
export async function removeTraces({ kube, name, removeMember, nowIso }: TracesOptions): Promise<void> {
  // Bindings before roles: the rights end with the first call.
  for (const object of [...agentAccessObjects(name)].reverse())
    await kube.delete(resourceOf(object), object.metadata).catch(gone);
  await kube.delete(RESOURCES.lease, { name: agentLeaseName(name), namespace: NAMESPACE }).catch(gone);
  await removeRequests(kube, name);
  await removeMember(name);
  await restIndex(kube, name, nowIso);
  await kube.delete(CLUSTER_NODES, { name }).catch(gone);
}

/** A certificate that was asked for and not fetched yet is not given any more. */
async function removeRequests(kube: KubeClient, name: string): Promise<void> {
  const users = [kubeletUser(name), agentUser(name), serverUser(name)];
  for (const { metadata, spec } of (await kube.list(RESOURCES.certificateSigningRequest)).items) {
    const isForAgent = metadata.name.startsWith(`cluster-os-${name}-`);
    if (!isForAgent && !users.includes(spec.username ?? "")) continue;
    await kube.delete(RESOURCES.certificateSigningRequest, metadata).catch(gone);
  }
}

/** Machines may still send to its addresses: they are not given to another one for now. */
async function restIndex(kube: KubeClient, name: string, nowIso: string): Promise<void> {
  const { items } = await kube.list(RESOURCES.configMap, {
    namespace: NAMESPACE,
    labelSelector: INDEX_LABEL,
  });
  for (const { metadata, data } of items) {
    const nodeId = NodeId.safeParse(data?.["nodeID"]).data;
    if (nodeId === undefined || nodeName(nodeId) !== name) continue;
    if (metadata.labels?.[RESTING_LABEL] !== undefined) continue;
    await kube.patch(RESOURCES.configMap, metadata, restingPatch(nowIso));
  }
}

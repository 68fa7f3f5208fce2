import {
  agentAccessObjects,
  agentLeaseName,
  CLUSTER_NODE_FINALIZER,
  ClusterNode,
  INDEX_LABEL,
  NAMESPACE,
  RESTING_LABEL,
  restingPatch,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { NodeId, nodeName } from "@cluster-os/identity";
import {
  addFinalizer,
  removeFinalizer,
  resourceOf,
  resourceOfDefinition,
  RESOURCES,
  when,
  type KubeClient,
  type KubeError,
  type Node,
  type Resource,
} from "@cluster-os/kube";
import type { NodeAction } from "./plan/actions.ts";

export const CLUSTER_NODE: Resource<ClusterNodeObject> = resourceOfDefinition<ClusterNodeObject>(ClusterNode);

/** Owns in the API what the operator applies. */
const FIELD_MANAGER = "cluster-os-clusternode-operator";

const isGone = (error: KubeError): boolean => error.isNotFound;

/** The objects of one machine as the plan saw them. */
export interface Subject {
  readonly clusterNode: ClusterNodeObject;
  readonly node: Node | undefined;
}

/** Carries out one action on the API. Each may be repeated; what is gone already is as wished. */
export async function execute(
  client: KubeClient,
  action: NodeAction,
  { clusterNode, node }: Subject,
  nowIso: string,
  signal: AbortSignal,
): Promise<void> {
  const { apiVersion, kind, metadata } = clusterNode;
  const { name, uid } = metadata;
  switch (action.kind) {
    case "add-finalizer":
      await addFinalizer(client, CLUSTER_NODE, clusterNode, CLUSTER_NODE_FINALIZER, { signal });
      return;
    case "patch-node":
      await client.patch(RESOURCES.node, { name }, action.patch, { fieldManager: FIELD_MANAGER, signal });
      return;
    case "set-conditions": {
      // With its uid, so that it is not written to another one that has come under the name since.
      const object = {
        apiVersion,
        kind,
        metadata: { name, ...(uid !== undefined && { uid }) },
        status: { conditions: [...action.conditions] },
      } satisfies ClusterNodeObject;
      const options = { fieldManager: FIELD_MANAGER, force: true, subresource: "status", signal };
      await client.apply(CLUSTER_NODE, object, options);
      return;
    }
    case "revoke-access":
      return revokeAccess(client, name, signal);
    case "delete-node": {
      const nodeUid = node?.metadata.uid;
      const options = { signal, ...(nodeUid !== undefined && { preconditions: { uid: nodeUid } }) };
      await client.delete(RESOURCES.node, { name }, options).catch(when<unknown>(isGone, undefined));
      return;
    }
    case "rest-index":
      return restIndex(client, name, nowIso, signal);
    case "remove-finalizer":
      return removeFinalizer(client, CLUSTER_NODE, clusterNode, CLUSTER_NODE_FINALIZER, { signal });
    default:
      action satisfies never;
  }
}

/** Bindings before roles: the rights end with the first call. */
async function revokeAccess(client: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  for (const object of [...agentAccessObjects(name)].reverse()) {
    await client
      .delete(resourceOf(object), object.metadata, { signal })
      .catch(when<unknown>(isGone, undefined));
  }
  const lease = { name: agentLeaseName(name), namespace: NAMESPACE };
  await client.delete(RESOURCES.lease, lease, { signal }).catch(when<unknown>(isGone, undefined));
}

/** A node's name does not tell its index, and a machine that never reported has none in its status: the objects do. */
async function restIndex(
  client: KubeClient,
  name: string,
  nowIso: string,
  signal: AbortSignal,
): Promise<void> {
  const selection = { namespace: NAMESPACE, labelSelector: INDEX_LABEL, signal };
  const { items } = await client.list(RESOURCES.configMap, selection);
  for (const { metadata, data } of items) {
    const nodeId = NodeId.safeParse(data?.["nodeID"]).data;
    if (nodeId === undefined || nodeName(nodeId) !== name) continue;
    if (metadata.labels?.[RESTING_LABEL] !== undefined) continue;
    await client.patch(RESOURCES.configMap, metadata, restingPatch(nowIso), { signal });
  }
}

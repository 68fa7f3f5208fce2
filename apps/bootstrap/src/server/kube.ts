import { ClusterNode, type ClusterNodeObject } from "@cluster-os/api";
import {
  connectionFromKubeconfig,
  KubeClient,
  resourceOf,
  resourceOfDefinition,
  when,
  type KubeObject,
} from "@cluster-os/kube";

/** Whose the fields are that bootstrap applies, in the objects' managedFields. */
export const FIELD_MANAGER = "cluster-os-bootstrap";

export const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);

/** Opens the API with the identity in `kubeconfigPath`. A call has ten seconds for its answer, times `patience`. */
export async function openKube(kubeconfigPath: string, patience: number): Promise<KubeClient> {
  return new KubeClient(await connectionFromKubeconfig(kubeconfigPath), {
    userAgent: FIELD_MANAGER,
    timeoutMs: 10_000 * patience,
  });
}

/** Creates an object; false when one of that name is there already. Atomic: of several callers one creates. */
export function createOnce(kube: KubeClient, object: KubeObject): Promise<boolean> {
  return kube.create(resourceOf(object, [CLUSTER_NODES]), { ...object }).then(
    () => true,
    when((error) => error.reason === "AlreadyExists", false),
  );
}

/** Server-side apply: whatever else is in the object stays as it is. */
export async function applyObject(kube: KubeClient, object: KubeObject): Promise<void> {
  await kube.apply(
    resourceOf(object, [CLUSTER_NODES]),
    { ...object },
    { fieldManager: FIELD_MANAGER, force: true },
  );
}

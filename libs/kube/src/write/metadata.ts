import type { CallOptions, KubeClient } from "../client/client.ts";
import { when } from "../client/error.ts";
import { keyOf, type KubeObject, type OwnerReference } from "../object.ts";
import type { Resource } from "../resource.ts";

/** Adds a finalizer at the version that was read: an object that changed since is a conflict, and read again. */
export async function addFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options?: CallOptions,
): Promise<T> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (finalizers.includes(finalizer)) return object;
  const metadata = { resourceVersion, finalizers: [...finalizers, finalizer] };
  return client.patch(resource, object.metadata, { metadata }, options);
}

/** Takes a finalizer off, so that a deletion that waits for it goes on. An object that is gone has none. */
export async function removeFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options?: CallOptions,
): Promise<void> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (!finalizers.includes(finalizer)) return;
  const metadata = { resourceVersion, finalizers: finalizers.filter((other) => other !== finalizer) };
  await client
    .patch(resource, object.metadata, { metadata }, options)
    .catch(when<unknown>((error) => error.isNotFound, undefined));
}

/**
 * The reference by which `dependent` belongs to `owner` and goes when it goes. Kubernetes looks for an owner in the
 * dependent's own namespace only, finds none elsewhere, and deletes the dependent: so that is refused here.
 */
export function ownerReference(
  owner: KubeObject,
  dependent: Pick<KubeObject["metadata"], "namespace" | "name">,
): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  const { name, namespace, uid } = metadata;
  if (uid === undefined)
    throw new RangeError(`${kind} ${keyOf(metadata)} was not read from the API: it has no uid`);
  if (namespace !== undefined && namespace !== dependent.namespace)
    throw new RangeError(
      `${kind} ${keyOf(metadata)} cannot own ${keyOf(dependent)}: an owner is of the same namespace, or of none`,
    );
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether `owner`, this one and not an earlier one of its name, controls `object`. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  const controller = object.metadata.ownerReferences?.find((reference) => reference.controller);
  return controller !== undefined && controller.uid === owner.metadata.uid;
}

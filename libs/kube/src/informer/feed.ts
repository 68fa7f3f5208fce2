import { keyOf, type KubeObject } from "../object.ts";
import { apiVersionOf, type Resource } from "../resource.ts";
import type { Informer } from "./informer.ts";
import type { Change } from "./store.ts";

/** Whether a change matters. */
export type Predicate<T extends KubeObject> = (change: Change<T>) => boolean;

/** A predicate that looks at updates only: what comes and what goes always matters. */
function onUpdate<T extends KubeObject>(differs: (object: T, previous: T) => boolean): Predicate<T> {
  return (change) => change.kind !== "updated" || differs(change.object, change.previous);
}

const isDifferent = (left: unknown, right: unknown): boolean =>
  JSON.stringify(left) !== JSON.stringify(right);

/** The spec changed. Status and metadata leave the generation alone. */
export const generationChanged: Predicate<KubeObject> = onUpdate(
  (object, previous) => object.metadata.generation !== previous.metadata.generation,
);
export const labelsChanged: Predicate<KubeObject> = onUpdate((object, previous) =>
  isDifferent(object.metadata.labels, previous.metadata.labels),
);
export const annotationsChanged: Predicate<KubeObject> = onUpdate((object, previous) =>
  isDifferent(object.metadata.annotations, previous.metadata.annotations),
);
/** Somebody deleted it, and finalizers still hold it. */
export const deletionStarted: Predicate<KubeObject> = onUpdate(
  (object, previous) =>
    object.metadata.deletionTimestamp !== undefined && previous.metadata.deletionTimestamp === undefined,
);

export function anyOf<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.some((predicate) => predicate(change));
}

/** The keys that a change of an object concerns. */
export type Mapper<T extends KubeObject> = (object: T) => readonly string[];

/** The object's own key. */
export const ownKey: Mapper<KubeObject> = ({ metadata }) => [keyOf(metadata)];

/** The key of the owner that controls it, if that is of this resource. */
export function controllerKey(owner: Resource<KubeObject>): Mapper<KubeObject> {
  return ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter(({ apiVersion, kind, controller }) => {
        return controller === true && kind === owner.kind && apiVersion === apiVersionOf(owner);
      })
      .map(({ name }) => keyOf({ name, namespace: owner.namespaced ? metadata.namespace : undefined }));
}

export interface Enqueuer {
  enqueue(key: string): void;
}

export interface FeedOptions<T extends KubeObject> {
  /** Which changes matter. Default: all. */
  readonly when?: Predicate<T>;
  /** Which keys they concern. Default: the object's own. */
  readonly map?: Mapper<T>;
}

/** Enqueues in `target` what the informer's changes concern. Returns how to stop that. */
export function feed<T extends KubeObject>(
  informer: Pick<Informer<T>, "store">,
  target: Enqueuer,
  { when = () => true, map = ownKey }: FeedOptions<T> = {},
): () => void {
  return informer.store.onChange((change) => {
    if (!when(change)) return;
    // Who was concerned before may have to know that it no longer is.
    const before = change.kind === "updated" ? map(change.previous) : [];
    for (const key of new Set([...before, ...map(change.object)])) target.enqueue(key);
  });
}

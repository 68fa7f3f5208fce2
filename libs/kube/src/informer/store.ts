import { keyOf, type KubeObject } from "../object.ts";

/** What happened to an object. Of one that is gone, `object` is the last that was known. */
export type Change<T> =
  | { readonly kind: "added"; readonly object: T }
  | { readonly kind: "updated"; readonly object: T; readonly previous: T }
  | { readonly kind: "deleted"; readonly object: T };

export type ChangeHandler<T> = (change: Change<T>) => void;

/** Values under which an object is found: for example the names of the nodes that a pod runs on. */
export type Indexers<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface StoreOptions<T> {
  readonly indexers?: Indexers<T>;
  /** A handler threw. The others get the change all the same. */
  readonly onHandlerError: (error: unknown) => void;
}

/**
 * The objects as they were last seen, by key ("namespace/name"). They are shared: nobody changes one. Kept by its
 * informer.
 */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: Indexers<T>;
  /** Index name, value, keys. */
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #onHandlerError: (error: unknown) => void;
  #hasSynced = false;

  constructor({ indexers = {}, onHandlerError }: StoreOptions<T>) {
    this.#indexers = indexers;
    this.#onHandlerError = onHandlerError;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  /** Whether all that was there at the start is here. Before that, an object that is missing may well exist. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** The objects that the named indexer gave this value. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`the store has no index "${name}"`);
    return [...(index.get(value) ?? [])].map((key) => this.#objects.get(key) as T);
  }

  /** Calls `handler` at every change, and at once for all that is here. Returns how to stop that. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) this.#tell(handler, { kind: "added", object });
    return () => void this.#handlers.delete(handler);
  }

  /** The object is so now. Nothing happens if it was already: says whether something did. */
  put(object: T): boolean {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    if (previous !== undefined && isSame(previous, object)) return false;
    // One that went and came again under its name was deleted in between, whether or not that was seen.
    const isSuccessor = previous !== undefined && previous.metadata.uid !== object.metadata.uid;
    if (isSuccessor) this.delete(key, previous);
    this.#objects.set(key, object);
    this.#index(key, previous, object);
    if (previous === undefined || isSuccessor) this.#tellAll({ kind: "added", object });
    else this.#tellAll({ kind: "updated", object, previous });
    return true;
  }

  /** The object is gone; `last` is what the API said of it at the end. */
  delete(key: string, last?: T): boolean {
    const previous = this.#objects.get(key);
    if (previous === undefined) return false;
    this.#objects.delete(key);
    this.#index(key, previous, undefined);
    this.#tellAll({ kind: "deleted", object: last ?? previous });
    return true;
  }

  /** These are all objects there are. Returns how many changes that was. */
  replace(objects: readonly T[]): number {
    const keys = new Set(objects.map(({ metadata }) => keyOf(metadata)));
    const gone = [...this.#objects.keys()].filter((key) => !keys.has(key));
    const changes = gone.filter((key) => this.delete(key)).length;
    return changes + objects.filter((object) => this.put(object)).length;
  }

  markSynced(): void {
    this.#hasSynced = true;
  }

  #index(key: string, previous: T | undefined, object: T | undefined): void {
    for (const [name, values] of Object.entries(this.#indexers)) {
      const index = this.#indexes.get(name) as Map<string, Set<string>>;
      for (const value of previous === undefined ? [] : values(previous)) {
        index.get(value)?.delete(key);
        if (index.get(value)?.size === 0) index.delete(value);
      }
      for (const value of object === undefined ? [] : values(object))
        index.set(value, (index.get(value) ?? new Set()).add(key));
    }
  }

  #tellAll(change: Change<T>): void {
    for (const handler of this.#handlers) this.#tell(handler, change);
  }

  #tell(handler: ChangeHandler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#onHandlerError(error);
    }
  }
}

function isSame(left: KubeObject, right: KubeObject): boolean {
  return (
    left.metadata.uid === right.metadata.uid &&
    left.metadata.resourceVersion !== undefined &&
    left.metadata.resourceVersion === right.metadata.resourceVersion
  );
}

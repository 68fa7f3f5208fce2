import { isDeepStrictEqual } from "node:util";
import { keyOf, type AnyObject } from "../../src/index.ts";
import { fieldsOf, merge, withoutDropped } from "./fields.ts";

export interface Entry {
  readonly version: number;
  readonly resource: string;
  readonly key: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: AnyObject;
  readonly previous: AnyObject | undefined;
}

export class Refusal extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message = reason) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

export interface WriteAs {
  readonly subresource?: string | undefined;
  readonly fieldManager?: string | undefined;
}

/**
 * What an API server keeps, in memory: objects of any resource, one line of versions over all of them, and the history
 * that watches and old lists are served from. It knows generations, status as a part of its own, optimistic locks,
 * finalizers, and server-side apply as far as merging and who applied what go; not conflicts between appliers.
 */
export class World {
  readonly #objects = new Map<string, Map<string, AnyObject>>();
  readonly #listeners = new Set<(entry: Entry) => void>();
  #log: Entry[] = [];
  #compacted = 1000;
  #uid = 0;
  version = 1000;

  /** Calls at every change, at once. Returns how to stop that. */
  onEntry(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What happened to a resource after a version. */
  since(resource: string, version: number): readonly Entry[] {
    if (version < this.#compacted) throw new Refusal(410, "Expired", `too old resource version: ${version}`);
    return this.#log.slice(this.#indexAfter(version)).filter((entry) => entry.resource === resource);
  }

  /** Forgets the history before the last `keep` entries. */
  compact(keep = 0): void {
    const dropped = this.#log.length - keep;
    if (dropped <= 0) return;
    this.#compacted = this.#log[dropped - 1]?.version ?? this.#compacted;
    this.#log = this.#log.slice(dropped);
  }

  /** All objects of a resource by key, as they are or as they were at a version. */
  at(resource: string, version = this.version): ReadonlyMap<string, AnyObject> {
    if (version < this.#compacted)
      throw new Refusal(410, "Expired", `the version ${version} is no longer kept`);
    const objects = new Map(this.#objects.get(resource));
    for (const { key, previous } of this.since(resource, version).toReversed()) {
      if (previous === undefined) objects.delete(key);
      else objects.set(key, previous);
    }
    return new Map([...objects].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  get(resource: string, key: string): AnyObject {
    const object = this.#objects.get(resource)?.get(key);
    if (object === undefined) throw new Refusal(404, "NotFound", `${resource} "${key}" not found`);
    return object;
  }

  create(resource: string, object: AnyObject): AnyObject {
    const key = keyOf(object.metadata);
    if (this.#objects.get(resource)?.has(key))
      throw new Refusal(409, "AlreadyExists", `${resource} "${key}" already exists`);
    this.#uid += 1;
    const metadata = { uid: `uid-${this.#uid}`, generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" };
    return this.#write("ADDED", resource, { ...object, metadata: { ...object.metadata, ...metadata } });
  }

  replace(resource: string, object: AnyObject, as: WriteAs = {}): AnyObject {
    const known = this.get(resource, keyOf(object.metadata));
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion)
      throw new Refusal(409, "Conflict", "the object has been modified");
    return this.#update(resource, known, object, as);
  }

  mergePatch(resource: string, key: string, patch: Partial<AnyObject>, as: WriteAs = {}): AnyObject {
    const known = this.get(resource, key);
    const wanted = patch.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== known.metadata.resourceVersion)
      throw new Refusal(409, "Conflict", "the object has been modified");
    return this.#update(resource, known, merge(known, patch, "merge-patch") as AnyObject, as);
  }

  apply(resource: string, wish: AnyObject, as: WriteAs & { readonly fieldManager: string }): AnyObject {
    const key = keyOf(wish.metadata);
    const known = this.#objects.get(resource)?.get(key);
    if (known === undefined && as.subresource !== undefined) this.get(resource, key);
    const { managedFields = [], ...metadata } = known?.metadata ?? wish.metadata;
    const mine = (entry: (typeof managedFields)[number]): boolean =>
      entry.manager === as.fieldManager && entry.subresource === as.subresource;
    const entry = {
      manager: as.fieldManager,
      operation: "Apply",
      ...(as.subresource !== undefined && { subresource: as.subresource }),
      fieldsV1: fieldsOf(wish),
    };
    const before = managedFields.find(mine)?.fieldsV1 ?? {};
    const rest = withoutDropped(known ?? {}, before as Record<string, unknown>, entry.fieldsV1);
    const object = merge(rest, wish, "apply") as AnyObject;
    const merged = { ...metadata, ...object.metadata };
    const owners = [...managedFields.filter((other) => !mine(other)), entry];
    const written = { ...object, metadata: { ...merged, managedFields: owners } };
    return known === undefined ? this.create(resource, written) : this.#update(resource, known, written, as);
  }

  delete(resource: string, key: string): AnyObject {
    const object = this.get(resource, key);
    if ((object.metadata.finalizers ?? []).length === 0) return this.#remove(resource, object);
    if (object.metadata.deletionTimestamp !== undefined) return object;
    const metadata = { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:01Z" };
    return this.#write("MODIFIED", resource, { ...object, metadata });
  }

  #update(resource: string, known: AnyObject, object: AnyObject, as: WriteAs): AnyObject {
    const isStatus = as.subresource === "status";
    const { uid, creationTimestamp, deletionTimestamp, generation = 1 } = known.metadata;
    const spec = isStatus ? known["spec"] : object["spec"];
    const isNewSpec = !isDeepStrictEqual(spec, known["spec"]);
    const metadata = {
      ...object.metadata,
      ...{ uid, creationTimestamp, deletionTimestamp, generation: isNewSpec ? generation + 1 : generation },
      resourceVersion: known.metadata.resourceVersion,
    };
    const status = isStatus ? object["status"] : known["status"];
    const written = JSON.parse(
      JSON.stringify({ ...(isStatus ? known : object), metadata, spec, status }),
    ) as AnyObject;
    if (isDeepStrictEqual(written, known)) return known;
    const isReleased = deletionTimestamp !== undefined && (written.metadata.finalizers ?? []).length === 0;
    return isReleased ? this.#remove(resource, written) : this.#write("MODIFIED", resource, written);
  }

  #remove(resource: string, object: AnyObject): AnyObject {
    return this.#write("DELETED", resource, object);
  }

  #write(type: Entry["type"], resource: string, draft: AnyObject): AnyObject {
    this.version += 1;
    const { version } = this;
    const key = keyOf(draft.metadata);
    const object = { ...draft, metadata: { ...draft.metadata, resourceVersion: String(version) } };
    const objects = this.#objects.get(resource) ?? new Map<string, AnyObject>();
    this.#objects.set(resource, objects);
    const previous = objects.get(key);
    if (type === "DELETED") objects.delete(key);
    else objects.set(key, object);
    const entry = { version, resource, key, type, object, previous };
    this.#log.push(entry);
    for (const listener of this.#listeners) listener(entry);
    return object;
  }

  #indexAfter(version: number): number {
    let [low, high] = [0, this.#log.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#log[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

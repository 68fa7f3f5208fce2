import { isDeepStrictEqual } from "node:util";
import type { ApplyOptions, CallOptions, KubeClient } from "../client/client.ts";
import type { KubeObject } from "../object.ts";
import type { Resource } from "../resource.ts";

type Json = unknown;
type Fields = Readonly<Record<string, Json>>;

/**
 * Whether a server-side apply of `wish` would change nothing of `live`: this manager applied the very same fields
 * before, and they still have these values. Read from `live.metadata.managedFields`; without them the answer is no.
 *
 * A no may be wrong - the API may have written a value in another way - and costs one write. A yes is never wrong.
 */
export function isApplied<T extends KubeObject>(
  live: KubeObject | undefined,
  wish: T,
  manager: { readonly fieldManager: string; readonly subresource?: string },
): boolean {
  const owned = live?.metadata.managedFields?.find(
    (entry) =>
      entry.manager === manager.fieldManager &&
      entry.operation === "Apply" &&
      entry.subresource === manager.subresource,
  );
  if (live === undefined || owned === undefined) return false;
  // What names the object is nobody's.
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = wish;
  const { name: _name, namespace: _namespace, ...named } = metadata;
  const fields = Object.keys(named).length > 0 ? { ...rest, metadata: named } : rest;
  return isOwnedAndSame(owned.fieldsV1, fields, live);
}

/** Applies unless {@link isApplied}. Returns the object as it is then. */
export async function applyIfNeeded<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  live: T | undefined,
  wish: NoInfer<T>,
  options: ApplyOptions & CallOptions,
): Promise<T> {
  return live !== undefined && isApplied(live, wish, options) ? live : client.apply(resource, wish, options);
}

/**
 * Walks the tree of owned fields (structured-merge-diff's FieldsV1): `f:name` is a field of an object, `k:{...}` the
 * entry with these keys of a list, `v:...` a value of a set; `.` the object or entry itself. A field with nothing below
 * it is owned whole.
 */
function isOwnedAndSame(owned: Json, wish: Json, live: Json): boolean {
  const below = isFields(owned) ? Object.entries(owned).filter(([step]) => step !== ".") : [];
  if (below.length === 0) return isDeepStrictEqual(plain(wish), live);
  if (Array.isArray(wish)) return Array.isArray(live) && isSameList(below, wish, live);
  if (!isFields(wish) || !isFields(live)) return false;
  const wished = Object.keys(wish).filter((name) => wish[name] !== undefined);
  if (wished.length !== below.length) return false;
  return below.every(([step, sub]) => {
    const name = step.slice(2);
    return step.startsWith("f:") && Object.hasOwn(wish, name) && isOwnedAndSame(sub, wish[name], live[name]);
  });
}

function isSameList(
  below: readonly (readonly [string, Json])[],
  wish: readonly Json[],
  live: readonly Json[],
): boolean {
  if (wish.length !== below.length) return false;
  return below.every(([step, sub]) => {
    if (step.startsWith("v:")) {
      const value: Json = JSON.parse(step.slice(2));
      return wish.includes(value) && live.includes(value);
    }
    if (!step.startsWith("k:")) return false;
    const keys = JSON.parse(step.slice(2)) as Fields;
    const isThis = (entry: Json): boolean =>
      isFields(entry) && Object.entries(keys).every(([name, value]) => isDeepStrictEqual(entry[name], value));
    const wished = wish.find(isThis);
    return wished !== undefined && isOwnedAndSame(sub, wished, live.find(isThis));
  });
}

function isFields(value: Json): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As it is after a way through JSON, which drops what is undefined. */
function plain(value: Json): Json {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as Json);
}

type Json = unknown;
type Fields = Readonly<Record<string, Json>>;

/** Lists that are merged by these keys, by the name of their field; all others are replaced whole. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = { conditions: ["type"] };

const isFields = (value: Json): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `patch` merged into `target`: RFC 7386, or as server-side apply merges, which knows lists with keys. */
export function merge(target: Json, patch: Json, how: "merge-patch" | "apply", field = ""): Json {
  if (Array.isArray(patch) && how === "apply" && field in LIST_KEYS) {
    const keys = LIST_KEYS[field] as readonly string[];
    const isSame = (left: Json, right: Json): boolean =>
      isFields(left) && isFields(right) && keys.every((key) => left[key] === right[key]);
    const known: readonly Json[] = Array.isArray(target) ? target : [];
    const merged = known.map((item) => {
      const change: Json = patch.find((other) => isSame(item, other));
      return change === undefined ? item : merge(item, change, how);
    });
    return [
      ...merged,
      ...(patch as readonly Json[]).filter((item) => !known.some((other) => isSame(item, other))),
    ];
  }
  if (!isFields(patch)) return patch;
  const result: Record<string, Json> = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null && how === "merge-patch") delete result[name];
    else if (value !== undefined) result[name] = merge(result[name], value, how, name);
  }
  return result;
}

/**
 * `target` without what its applier had in it before and wishes for no longer: `before` and `now` are what it applied, as
 * {@link fieldsOf} tells it. Of lists with keys, items stay.
 */
export function withoutDropped(target: Json, before: Fields, now: Fields): Json {
  if (!isFields(target)) return target;
  const result: Record<string, Json> = { ...target };
  for (const [field, sub] of Object.entries(before)) {
    const name = field.slice("f:".length);
    const still = now[field];
    if (!field.startsWith("f:") || !(name in result)) continue;
    if (still === undefined) delete result[name];
    else result[name] = withoutDropped(result[name], sub as Fields, still as Fields);
  }
  return result;
}

const NAMES = new Set(["apiVersion", "kind"]);
const META_NAMES = new Set(["name", "namespace", "uid", "resourceVersion", "managedFields"]);

/** The fields of an applied object in the API's notation (fieldsV1): maps by name, lists with keys by key, lists whole. */
export function fieldsOf(wish: Fields): Fields {
  const { metadata, ...rest } = wish;
  const named = Object.entries(isFields(metadata) ? metadata : {}).filter(([name]) => !META_NAMES.has(name));
  const fields = Object.entries(rest).filter(([name]) => !NAMES.has(name));
  const all = named.length === 0 ? fields : [...fields, ["metadata", Object.fromEntries(named)] as const];
  return fieldsOfValue(Object.fromEntries(all));
}

export function fieldsOfValue(value: Json, field = ""): Fields {
  if (isFields(value))
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, sub]) => sub !== undefined)
        .map(([name, sub]) => [`f:${name}`, fieldsOfValue(sub, name)]),
    );
  if (!Array.isArray(value) || !(field in LIST_KEYS)) return {};
  const keys = LIST_KEYS[field] as readonly string[];
  return Object.fromEntries(
    (value as readonly Fields[]).map((item) => {
      const key = JSON.stringify(Object.fromEntries(keys.map((name) => [name, item[name]])));
      return [`k:${key}`, { ".": {}, ...fieldsOfValue(item) }];
    }),
  );
}

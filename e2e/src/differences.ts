/** What differs between two values, a line each: where, what it was, what it is. Nothing, if they are the same. */
export function differences(before: unknown, after: unknown, path = ""): readonly string[] {
  if (!isObject(before) || !isObject(after)) {
    return Object.is(before, after)
      ? []
      : [`${path}: was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], `${path}/${key}`));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

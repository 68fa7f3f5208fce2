/** A JSON schema as it stands in a CustomResourceDefinition. */
export type JsonSchema = { readonly [key: string]: unknown };

// apiextensions.k8s.io/v1, "structural schemas", and the keywords of OpenAPI v3.0 that it refuses.
const REFUSED = [
  "$ref",
  "$defs",
  "$schema",
  "definitions",
  "const",
  "patternProperties",
  "prefixItems",
  "id",
  "$id",
  "examples",
];
const BOOLEAN_LOGIC = ["allOf", "anyOf", "oneOf", "not"];

/**
 * What the API server would refuse of a CRD's schema, as "path: reason"; empty for a structural schema. It finds what
 * zod can produce, so that a schema that cannot be deployed fails a unit test and not a cluster.
 */
export function structuralViolations(schema: JsonSchema, path: string = "$"): string[] {
  const refused = REFUSED.filter((key) => key in schema).map((key) => `${path}: ${key} is refused`);
  return [
    ...refused,
    ...typeViolations(schema, path),
    ...keywordViolations(schema, path),
    ...BOOLEAN_LOGIC.filter((key) => key in schema).map(
      (key) => `${path}: ${key} cannot carry structure; write a CEL rule`,
    ),
    ...listViolations(schema, path),
    ...children(schema, path).flatMap(([child, childPath]) => structuralViolations(child, childPath)),
  ];
}

function typeViolations(schema: JsonSchema, path: string): string[] {
  if (
    schema["x-kubernetes-preserve-unknown-fields"] === true ||
    schema["x-kubernetes-int-or-string"] === true
  )
    return [];
  if (typeof schema["type"] === "string") return [];
  return [`${path}: a type is required, and only one`];
}

function keywordViolations(schema: JsonSchema, path: string): string[] {
  const found: string[] = [];
  if ("properties" in schema && "additionalProperties" in schema) {
    found.push(`${path}: properties and additionalProperties exclude each other`);
  }
  if (schema["additionalProperties"] === false)
    found.push(`${path}: additionalProperties: false is refused; unknown fields are pruned`);
  if (typeof schema["exclusiveMinimum"] === "number")
    found.push(`${path}: exclusiveMinimum must be true or false (OpenAPI 3.0)`);
  if (typeof schema["exclusiveMaximum"] === "number")
    found.push(`${path}: exclusiveMaximum must be true or false (OpenAPI 3.0)`);
  if (typeof schema["pattern"] === "string" && /\(\?[=!<]/.test(schema["pattern"])) {
    found.push(`${path}: the pattern looks around, which Go's regular expressions cannot`);
  }
  return found;
}

function listViolations(schema: JsonSchema, path: string): string[] {
  if (schema["type"] !== "array") return [];
  const { items } = schema;
  if (typeof items !== "object" || items === null || Array.isArray(items))
    return [`${path}: items must be one schema`];
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] !== "map") return [];
  if (!Array.isArray(keys) || keys.length === 0) return [`${path}: a list of type map needs its keys`];
  const required = ((items as JsonSchema)["required"] ?? []) as readonly unknown[];
  return keys
    .filter((key) => !required.includes(key))
    .map((key) => `${path}: the list's key ${String(key)} must be required`);
}

function children(schema: JsonSchema, path: string): [JsonSchema, string][] {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>);
  const found = properties.map(([name, child]): [JsonSchema, string] => [child, `${path}.${name}`]);
  for (const [key, mark] of [
    ["items", "[]"],
    ["additionalProperties", "{}"],
  ] as const) {
    const child = schema[key];
    if (typeof child === "object" && child !== null && !Array.isArray(child))
      found.push([child as JsonSchema, `${path}${mark}`]);
  }
  return found;
}

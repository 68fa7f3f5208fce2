import { z } from "zod";
import type { PrinterColumn, ResourceDefinition } from "./resource-definition.ts";
import type { JsonSchema } from "./structural.ts";

/** The CustomResourceDefinition of a resource, as a plain object ready for the API or a file. */
export function crdOf(resource: ResourceDefinition) {
  const { group, version, kind, plural, singular, shortNames, categories, scope, columns } = resource;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns.map(printerColumn),
          schema: { openAPIV3Schema: objectSchema(resource) },
        },
      ],
    },
  };
}

function printerColumn({ name, type, jsonPath, description, isWide }: PrinterColumn) {
  return { name, type, jsonPath, description, ...(isWide && { priority: 1 }) };
}

/** The schema of whole objects. `apiVersion`, `kind` and `metadata` are implied by the API server. */
function objectSchema({ description, spec, specDefault, status, rules }: ResourceDefinition): JsonSchema {
  const defaulted = { ...kubernetesSchema(spec), ...(specDefault && { default: specDefault }) };
  return {
    type: "object",
    description,
    properties: { spec: defaulted, status: kubernetesSchema(status) },
    ...(rules && { "x-kubernetes-validations": rules }),
  };
}

/** `schema` as Kubernetes wants it: OpenAPI 3.0, of what clients send, so that a defaulted field is not required. */
export function kubernetesSchema(schema: z.ZodType): JsonSchema {
  return structural(z.toJSONSchema(schema, { target: "openapi-3.0", io: "input" }));
}

function structural(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    switch (key) {
      case "$schema":
      case "propertyNames":
        // Names of a map's entries have no schema in Kubernetes; a CEL rule says what they may be.
        return [];
      case "additionalProperties":
        // Kubernetes prunes what it does not know; saying so is refused.
        return value === false ? [] : [[key, structural(value as JsonSchema)]];
      case "minimum":
      case "maximum":
        // zod states the range of a JavaScript integer, which says nothing of the field.
        return Math.abs(value as number) === Number.MAX_SAFE_INTEGER ? [] : [[key, value]];
      case "pattern":
        // Times are told by their format; the pattern beside it is long and says the same.
        return schema["format"] === "date-time" ? [] : [[key, value]];
      case "properties":
        return [[key, mapValues(value as Record<string, JsonSchema>, structural)]];
      case "items":
        return [[key, structural(value as JsonSchema)]];
      default:
        return [[key, value]];
    }
  });
  const cleaned = Object.fromEntries(entries);
  return cleaned["type"] === "integer" ? { ...cleaned, format: "int64" } : cleaned;
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

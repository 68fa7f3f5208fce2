import type { JsonSchema } from "@cluster-os/api";

export interface Field {
  /** From the top: "mesh.peers[].name". */
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly description: string;
}

/** Every field of a schema with what is in it, in the order in which a person would read them. */
export function fieldsOf(schema: JsonSchema, prefix: string = ""): readonly Field[] {
  if (schema["type"] === "array") return fieldsOf(schema["items"] as JsonSchema, `${prefix}[].`);
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const required = (schema["required"] ?? []) as readonly string[];
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const own = { path, type: typeOf(field), isRequired: required.includes(name), description: text(field) };
    return [own, ...within(field, path)];
  });
}

/** A Markdown table. Empty cells where nothing is to be said. */
export function fieldTable(fields: readonly Field[]): string {
  const rows = fields.map(({ path, type, isRequired, description }) => [
    `\`${path}\``,
    type,
    isRequired ? "yes" : "",
    description,
  ]);
  return table(["field", "type", "always there", "meaning"], rows);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function within(field: JsonSchema, path: string): readonly Field[] {
  if (field["type"] === "object") return fieldsOf(field, `${path}.`);
  const items = field["items"] as JsonSchema | undefined;
  return items?.["type"] === "object" ? fieldsOf(items, `${path}[].`) : [];
}

function typeOf(schema: JsonSchema): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => `\`${String(value)}\``).join(", ");
  const items = schema["items"] as JsonSchema | undefined;
  if (items) return `list of ${items["type"] === "object" ? "groups" : typeOf(items)}`;
  if (typeof schema["additionalProperties"] === "object")
    return `map of ${typeOf(schema["additionalProperties"] as JsonSchema)}`;
  if (schema["format"] === "date-time") return "time";
  return (
    { object: "group", integer: rangeOf(schema), number: "number", boolean: "true, false" }[
      String(schema["type"])
    ] ?? "text"
  );
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  if (typeof minimum !== "number") return "whole number";
  return typeof maximum === "number" ? `${minimum} to ${maximum}` : `whole number, ${minimum} or more`;
}

function text(schema: JsonSchema): string {
  const { description, default: usual } = schema;
  const isTold = ["string", "number", "boolean"].includes(typeof usual);
  if (typeof description === "string")
    return isTold ? `${description} Default: \`${String(usual)}\`.` : description;
  const items = schema["items"] as JsonSchema | undefined;
  return typeof items?.["description"] === "string" ? items["description"] : "";
}

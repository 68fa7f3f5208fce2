import type { ClusterNodeStatus, Condition } from "@cluster-os/api";
import { OWN_CONDITIONS } from "./status.ts";

/** Whether the API already has all that `wanted` says, and nothing else that is this agent's to say. */
export function isReported(wanted: ClusterNodeStatus, current: ClusterNodeStatus | undefined): boolean {
  if (!current) return false;
  const own = (current.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.includes(type));
  return canonical(wanted) === canonical(withoutLeftovers({ ...current, conditions: own }, wanted));
}

/** Which parts differ, for the log: fields by name, conditions by type. */
export function changedParts(
  wanted: ClusterNodeStatus,
  current: ClusterNodeStatus | undefined,
): readonly string[] {
  const { conditions: wantedConditions = [], ...wantedFields } = wanted;
  const { conditions: currentConditions = [], ...kept } = current ?? {};
  const currentFields = withoutLeftovers(kept, wantedFields) as Readonly<Record<string, unknown>>;
  const byType = (conditions: readonly Condition[]): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      conditions.filter(({ type }) => OWN_CONDITIONS.includes(type)).map((one) => [one.type, one]),
    );
  const after: Readonly<Record<string, unknown>> = { ...wantedFields, ...byType(wantedConditions) };
  const before: Readonly<Record<string, unknown>> = { ...currentFields, ...byType(currentConditions) };
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => canonical(after[name]) !== canonical(before[name]),
  );
}

/**
 * What the API has, without the empty lists that nobody says any more, and what is empty without them: of a list with keys that was
 * applied empty, the empty list stays when its owner applies without it.
 */
function withoutLeftovers(current: unknown, wanted: unknown): unknown {
  if (!isObject(current)) return current;
  const said = isObject(wanted) ? wanted : {};
  const kept = Object.entries(current)
    .map(([name, value]) => [name, withoutLeftovers(value, said[name])] as const)
    .filter(([name, value]) => said[name] !== undefined || !isEmpty(value));
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same text for the same value: fields and lists sorted, since the API keeps lists in an order of its own. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
    .sort()
    .join()}}`;
}

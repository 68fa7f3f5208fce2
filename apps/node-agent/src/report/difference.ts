import type { ClusterNodeStatus, Condition } from "@cluster-os/api";
import { OWN_CONDITIONS } from "./status.ts";

/** Whether the API already has all that `wanted` says, and nothing else that is this agent's to say. */
export function isReported(wanted: ClusterNodeStatus, current: ClusterNodeStatus | undefined): boolean {
  if (!current) return false;
  const own = (current.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.includes(type));
  return canonical(wanted) === canonical({ ...current, conditions: own });
}

/** Which parts differ, for the log: fields by name, conditions by type. */
export function changedParts(
  wanted: ClusterNodeStatus,
  current: ClusterNodeStatus | undefined,
): readonly string[] {
  const { conditions: wantedConditions = [], ...wantedFields } = wanted;
  const { conditions: currentConditions = [], ...currentFields } = current ?? {};
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

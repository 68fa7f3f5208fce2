import { compareText } from "@cluster-os/std";
import type { SlurmNode } from "./nodes.ts";

export interface Switch {
  readonly name: string;
  /** Names of nodes, separated by commas, sorted. */
  readonly nodes: string;
}

/** Switches by the values of a label, sorted; nodes without it are at one of their own. */
export function switchesOf(nodes: readonly SlurmNode[], label: string): readonly Switch[] {
  const groups = Map.groupBy(nodes, (node) => `switch_${wordOf(node.labels[label] ?? "")}`);
  return [...groups]
    .map(([name, members]) => ({
      name,
      nodes: members
        .map((node) => node.name)
        .toSorted(compareText)
        .join(","),
    }))
    .toSorted((one, other) => compareText(one.name, other.name));
}

/** A label's value has letters, digits and -_. only; whatever else there is becomes _. */
function wordOf(value: string): string {
  return value === "" ? "none" : `at_${value.replaceAll(/[^A-Za-z0-9.-]/g, "_")}`;
}

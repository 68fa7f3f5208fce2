import { finding, type Finding, type FindingKind } from "../catalogue.ts";
import type { MachineFacts } from "../facts.ts";

/** What bootstrap says of itself, by the word it says it with. */
const KINDS: Readonly<Record<string, FindingKind>> = {
  "foreign-tag": "other-join-key",
  "no-join-key": "no-join-key",
  "other-cluster": "other-cluster",
  "duplicate-identity": "duplicate-identity",
  "identity-yielded": "identity-yielded",
  "firewall-failed": "firewall-failed",
  "state-unwritable": "state-unwritable",
};

export function checkProblems(facts: MachineFacts): readonly Finding[] {
  const { status, silence } = facts;
  if (!status) return [finding("bootstrap-silent", silence ?? "bootstrap does not answer on this machine")];
  return status.problems.flatMap(({ kind, message }) => {
    // Said by the clocks themselves, with figures.
    if (kind === "clock-skew") return [];
    // Somebody else's machines on the network are not this cluster's trouble once it is one.
    const isNeighbour = kind === "foreign-tag" && status.clusterId !== undefined;
    return [finding(KINDS[kind] ?? "other", message, isNeighbour ? { severity: "warning" } : {})];
  });
}

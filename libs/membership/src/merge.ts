import { compareBytes } from "@cluster-os/std";
import type { MemberStatus } from "./member.ts";
import type { Statement } from "./records.ts";

/** What others say of a node, of the incarnation it was in. */
export type AccusationKind = "suspect" | "failed";

/** What is held of one node: the newest it said itself, and the worst that others said of that. */
export interface Standing {
  readonly statement: Statement;
  readonly accusation: AccusationKind | undefined;
}

/** Within one incarnation the higher rank counts; a higher incarnation counts more than any rank (SWIM section 4.2). */
const RANKS = { alive: 0, suspect: 1, failed: 2, left: 3 } as const satisfies Record<MemberStatus, number>;

export function statusOf(standing: Standing): MemberStatus {
  return standing.statement.kind === "left" ? "left" : (standing.accusation ?? "alive");
}

/** Whether (incarnation, status) says more than another such pair. */
export function saysMore(
  left: { readonly incarnation: number; readonly status: MemberStatus },
  right: { readonly incarnation: number; readonly status: MemberStatus },
): boolean {
  return (left.incarnation - right.incarnation || RANKS[left.status] - RANKS[right.status]) > 0;
}

/** The standing after a node's own statement was heard; undefined if it says nothing new. */
export function mergeStatement(held: Standing | undefined, heard: Statement): Standing | undefined {
  if (!held) return { statement: heard, accusation: undefined };
  const newer = compareStatements(heard, held.statement);
  if (newer <= 0) return undefined;
  const isSameClaim = heard.incarnation === held.statement.incarnation && heard.kind === held.statement.kind;
  return { statement: heard, accusation: isSameClaim ? held.accusation : undefined };
}

/**
 * The standing after an accusation was heard; undefined if it says nothing new. It counts only against the very
 * incarnation that is held: an older one was answered already, and a newer one is of a statement nobody showed, so that
 * nobody can put a node so far ahead that it never catches up.
 */
export function mergeAccusation(
  held: Standing | undefined,
  accusation: { readonly kind: AccusationKind; readonly incarnation: number },
): Standing | undefined {
  if (held?.statement.kind !== "alive" || held.statement.incarnation !== accusation.incarnation)
    return undefined;
  if (RANKS[accusation.kind] <= RANKS[statusOf(held)]) return undefined;
  return { statement: held.statement, accusation: accusation.kind };
}

/** Two different statements of one kind and incarnation should not be; all nodes must settle on the same one. */
function compareStatements(left: Statement, right: Statement): number {
  return (
    left.incarnation - right.incarnation ||
    RANKS[left.kind] - RANKS[right.kind] ||
    compareBytes(left.bytes, right.bytes)
  );
}

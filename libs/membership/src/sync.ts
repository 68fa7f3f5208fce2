import { createHash } from "node:crypto";
import { encodeCbor, type NodeId } from "@cluster-os/identity";
import { compareText } from "@cluster-os/std";
import type { FactDigest, MemberDigest } from "./message.ts";
import { saysMore, statusOf, type Standing } from "./merge.ts";

/** A standing as it is compared: suspicions pass, so nodes that differ only in them agree. */
export function digestOf(standing: Standing): MemberDigest {
  const { nodeId, incarnation } = standing.statement;
  const status = statusOf(standing);
  return { nodeId, incarnation, status: status === "suspect" ? "alive" : status };
}

/** The same for all nodes that know the same, whatever order they learned it in. */
export function syncHash(members: readonly MemberDigest[], facts: readonly FactDigest[]): Uint8Array {
  const sorted = [...members].sort((left, right) => compareText(left.nodeId, right.nodeId));
  const text = encodeCbor([
    sorted.map(({ nodeId, incarnation, status }) => [nodeId, incarnation, status]),
    facts.map(({ key, version, hash }) => [key, version, hash]),
  ]);
  return new Uint8Array(createHash("sha256").update(text).digest().subarray(0, 16));
}

/** Of which members one node knows more than another, both ways. */
export function compareMembers(
  own: readonly MemberDigest[],
  others: readonly MemberDigest[],
): { readonly give: readonly NodeId[]; readonly want: readonly NodeId[] } {
  return { give: knowsMore(own, others), want: knowsMore(others, own) };
}

function knowsMore(left: readonly MemberDigest[], right: readonly MemberDigest[]): readonly NodeId[] {
  const known = new Map(right.map((digest) => [digest.nodeId, digest]));
  return left
    .filter((digest) => {
      const other = known.get(digest.nodeId);
      return other === undefined || saysMore(digest, other);
    })
    .map(({ nodeId }) => nodeId);
}

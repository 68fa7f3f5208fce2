import { SLURM_REASON_OWNER } from "@cluster-os/api";
import type { NodeView } from "./answers.ts";
import { isRefusal } from "./repeats.ts";

/** A node on which no new job is to begin, and why: the reason begins with its owner. */
export interface WishedDrain {
  readonly node: string;
  readonly reason: string;
}

export type DrainAction =
  | { readonly kind: "drain"; readonly node: string; readonly reason: string }
  | { readonly kind: "resume"; readonly node: string };

/**
 * What to tell SLURM so that it drains the wished nodes. A drain of somebody else is left alone, when it is wished and when
 * it is not; a node that SLURM does not know yet is drained when it does.
 */
export function planDrains(
  wished: readonly WishedDrain[],
  nodes: readonly NodeView[],
): readonly DrainAction[] {
  return nodes.flatMap((node): readonly DrainAction[] => {
    const wish = wished.find((drain) => drain.node === node.name);
    const isDrained = node.states.includes("DRAIN");
    const isOwn = isDrained && node.reason.startsWith(SLURM_REASON_OWNER);
    if (wish === undefined) return isOwn ? [{ kind: "resume", node: node.name }] : [];
    if (isDrained && !isRefusal(node) && (!isOwn || node.reason === wish.reason)) return [];
    return [{ kind: "drain", node: node.name, reason: wish.reason }];
  });
}

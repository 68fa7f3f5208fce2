import { electServers, type ElectionRequest, type ServerChange } from "./elect-servers.ts";

/** One act, or none with the reason why. */
export type NextChange = ServerChange | { readonly kind: "none"; readonly reason: string };

/**
 * The one change of this round on the way to what {@link electServers} wants. Nothing changes without a live majority
 * of the current servers, since etcd could not agree to it. The dead go first (the join of another is refused while
 * they are listed), then others are added, and only then is a live server retired.
 */
export function nextChange(request: ElectionRequest): NextChange {
  const isAlive = new Map(request.members.map((member) => [member.nodeId, member.isAlive]));
  const current = [...new Set(request.current)];
  const live = current.filter((nodeId) => isAlive.get(nodeId));
  if (current.length > 0 && live.length * 2 <= current.length) {
    return {
      kind: "none",
      reason: `only ${live.length} of ${current.length} servers are alive: no majority to change anything`,
    };
  }
  const { changes } = electServers(request);
  const next =
    changes.find((change) => change.kind === "remove" && !isAlive.get(change.nodeId)) ??
    changes.find((change) => change.kind === "add") ??
    changes[0];
  return next ?? { kind: "none", reason: "the right members serve" };
}

import { nodeName } from "@cluster-os/identity";
import { namedMembers } from "../kubernetes/observe.ts";
import type { LocalAnswersOptions } from "../local-answers.ts";
import { Recovery } from "./recovery.ts";

type Parts = Pick<LocalAnswersOptions, "machine" | "protocol" | "view" | "kubernetes">;

/** How this machine brings the control plane back when its majority is lost. */
export function recoveryOf({ machine, protocol, view, kubernetes }: Parts): Recovery {
  const { keys, config, distribution, logger } = machine;
  const self = nodeName(keys.identity.nodeId);
  return new Recovery({
    observe: async (wanted) => {
      const signal = AbortSignal.timeout(6_000 * (config.patience ?? 1));
      // Who is doubted may live.
      const alive = view
        .members()
        .filter(({ member: { status } }) => status === "alive" || status === "suspect");
      return {
        self,
        role: kubernetes.settledRole,
        hasAuthorityKey: protocol.status.hasAuthorityKey,
        servers: view.servers.map(nodeName),
        members: await namedMembers(distribution, view, signal),
        alive: alive.map(({ member }) => member.name),
        sources: [{ name: "own" }, ...(await kubernetes.snapshots.store.list())],
        wanted,
      };
    },
    sourceOf: async ({ name }) =>
      name === "own" ? { kind: "own" } : { kind: "snapshot", path: await kubernetes.snapshots.open(name) },
    restore: (source) => kubernetes.restore(source),
    logger,
  });
}

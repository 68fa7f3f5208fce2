import { nodeName } from "@cluster-os/identity";
import { namedMembers } from "../kubernetes/observe.ts";
import type { LocalAnswersOptions } from "../local-answers.ts";
import { snapshotSources } from "./plan.ts";
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
      const { snapshots } = kubernetes;
      const [members, here, elsewhere] = await Promise.all([
        namedMembers(distribution, view, signal),
        snapshots.store.list(),
        snapshots.keptElsewhere(signal),
      ]);
      return {
        self,
        role: kubernetes.settledRole,
        hasAuthorityKey: protocol.status.hasAuthorityKey,
        servers: view.servers.map(nodeName),
        members,
        alive: alive.map(({ member }) => member.name),
        sources: [{ name: "own" }, ...snapshotSources(here, elsewhere)],
        wanted,
      };
    },
    sourceOf: async ({ name, holders }) =>
      name === "own"
        ? { kind: "own" }
        : { kind: "snapshot", path: await kubernetes.snapshots.open(name, holders) },
    restore: (source) => kubernetes.restore(source),
    logger,
  });
}

import { findCondition, SLURM_CLUSTER_CONDITIONS, type SlurmClusterStatus } from "@cluster-os/api";
import type { Observable, Sample } from "@cluster-os/kube/metrics";

/**
 * What the SLURM cluster's status says, for Prometheus. `status` gives it as it is now, or undefined where this process is not
 * the one to tell: of two replicas only the one that leads does, or sums over both would count twice.
 */
export function slurmMetrics(status: () => SlurmClusterStatus | undefined): readonly Observable[] {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    samples: (now: SlurmClusterStatus) => readonly Sample[],
  ): Observable => ({
    name: `cluster_os_slurm_${name}`,
    help,
    labelNames,
    read: () => {
      const now = status();
      return now === undefined ? [] : samples(now);
    },
  });
  return [
    gauge("condition", "1 where a condition of the SlurmCluster is True.", ["condition"], conditions),
    gauge("controller_epoch", "How often a controller was chosen.", [], ({ activeController }) =>
      one(activeController?.epoch),
    ),
    gauge("controller_info", "The node that runs slurmctld.", ["node"], ({ activeController }) =>
      activeController?.node === undefined ? [] : [{ labels: { node: activeController.node }, value: 1 }],
    ),
    gauge(
      "controller_since_seconds",
      "When this epoch of the controller began, in seconds since 1970.",
      [],
      ({ activeController }) => one(secondsOf(activeController?.since)),
    ),
    gauge("nodes_known", "Nodes that take part; none while no controller tells.", [], ({ nodes }) =>
      one(nodes?.total),
    ),
    gauge("nodes", "Nodes as SLURM sees them; none while no controller tells.", ["state"], ({ nodes }) => {
      const { total: _, ...states } = nodes ?? { total: 0 };
      return byState(states);
    }),
    gauge("jobs", "Jobs, as the controller last told.", ["state"], ({ jobs }) => byState(jobs)),
    gauge("drains", "Nodes that are to be drained.", [], ({ drains }) => one(drains?.length)),
    gauge("replica_epoch", "Epoch of each copy of slurmctld's state.", ["node"], positions("epoch")),
    gauge(
      "replica_sequence",
      "Number of the last save in each copy, within its epoch.",
      ["node"],
      positions("sequence"),
    ),
    gauge("key_generation", "Generation of the key that signs SLURM's messages.", [], ({ keys }) =>
      one(keys?.current),
    ),
  ];
}

function conditions({ conditions }: SlurmClusterStatus): readonly Sample[] {
  return SLURM_CLUSTER_CONDITIONS.map((condition) => ({
    labels: { condition },
    value: Number(findCondition(conditions, condition)?.status === "True"),
  }));
}

function positions(what: "epoch" | "sequence") {
  return ({ replicas }: SlurmClusterStatus): readonly Sample[] =>
    (replicas ?? []).flatMap(({ node, position }) =>
      position === undefined ? [] : [{ labels: { node }, value: position[what] }],
    );
}

function byState(counts: Readonly<Record<string, number>> | undefined): readonly Sample[] {
  return Object.entries(counts ?? {}).map(([state, value]) => ({ labels: { state }, value }));
}

function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ value }];
}

function secondsOf(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso) / 1000;
}

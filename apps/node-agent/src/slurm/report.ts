import type { SlurmNodeStatus } from "@cluster-os/api";
import type { ReplicationStatus } from "@cluster-os/replication";
import { tokenKeyDigest, type ControllerObserved } from "./controller.ts";
import { atWorkWithMunge, generationsOf, type KeysAtWork } from "./keys.ts";
import type { SlurmObserved } from "./plan.ts";
import type { SlurmWish } from "./wish.ts";

type ControllerStatus = NonNullable<SlurmNodeStatus["controller"]>;

/** This node as slurmctld sees it; whether that does not know it, or did not answer. */
export type NodeSight = NonNullable<SlurmNodeStatus["view"]> | "unknown" | "silence";

/** What slurmctld says of the cluster; asked where it runs. */
export interface ControllerView {
  readonly jobs: NonNullable<ControllerStatus["jobs"]>;
  readonly nodes: NonNullable<ControllerStatus["nodes"]>;
  readonly drains: NonNullable<ControllerStatus["drains"]>;
}

export interface SlurmReportObserved {
  readonly machine: SlurmObserved;
  readonly controller: ControllerObserved;
  readonly wish: SlurmWish | undefined;
  /** What stands in the way, in words. */
  readonly problems: readonly string[];
  /** This node as SLURM sees it; absent where it did not say. */
  readonly view?: SlurmNodeStatus["view"];
  readonly controllerView?: ControllerView | undefined;
  /** Why slurmctld would not take a configuration, in its own words. */
  readonly refusal?: SlurmNodeStatus["configRefused"];
}

const SLURMD_STATES = {
  active: "Running",
  activating: "Starting",
  deactivating: "Stopped",
  inactive: "Stopped",
  failed: "Failed",
} as const;
const MESSAGE_MAX = 1024;
const MEMBERS_MAX = 9;

/** This machine's part in SLURM, for its ClusterNode. The same observations give the same report. */
export function slurmReport(observed: SlurmReportObserved): SlurmNodeStatus {
  const { machine, wish, view, problems } = observed;
  const generations = wish ? generationsOf(keysAtWork(machine, wish), wish.keys) : {};
  const message = problems.join("; ").slice(0, MESSAGE_MAX);
  const isController = observed.controller.fencer?.state === "running";
  return {
    ...(Object.keys(generations).length > 0 && { keyGenerations: generations }),
    slurmd: {
      state: SLURMD_STATES[machine.units["slurmd.service"]],
      ...(message !== "" && { message }),
    },
    ...(view && { view }),
    ...(isController &&
      observed.controller.configHash !== undefined && { configHash: observed.controller.configHash }),
    ...(observed.refusal && wish?.controller && { configRefused: observed.refusal }),
    ...controllerReport(observed),
  };
}

function keysAtWork({ keyFiles, jwks }: SlurmObserved, { auth }: SlurmWish): KeysAtWork {
  return auth === "munge" ? atWorkWithMunge(keyFiles) : (jwks.atWork ?? { others: [] });
}

/**
 * Whether nothing is missing of what a node-agent that has just started will soon know again: SLURM's answers, and how far the copy
 * here is.
 */
export function isReportWhole({ machine, controller, view, controllerView }: SlurmReportObserved): boolean {
  const { fencer, state } = controller;
  if (machine.units["slurmd.service"] === "active" && !view) return false;
  if (state.kind === "closed" && state.isKept) return false;
  if (fencer?.state !== "running") return true;
  return controllerView !== undefined && state.kind === "open" && state.status.acknowledged !== undefined;
}

function controllerReport({ controller, wish, controllerView }: SlurmReportObserved): {
  readonly controller?: ControllerStatus;
} {
  const { fencer, state } = controller;
  const isRunning = fencer !== undefined && fencer.pid > 0;
  const status = state.kind === "open" ? state.status : undefined;
  const known = Math.max(wish?.controller?.lease.epoch ?? 0, status?.report.promised ?? 0);
  const epoch = isRunning ? fencer.epoch : known;
  if (epoch === 0) return {};
  return {
    controller: {
      epoch,
      running: isRunning,
      ...copyReport(status),
      ...(isRunning && { ...tokenKeyReport(controller, wish), ...controllerView }),
    },
  };
}

/** A generation, and nothing that is made of the key. */
function tokenKeyReport(
  controller: ControllerObserved,
  wish: SlurmWish | undefined,
): Pick<ControllerStatus, "tokenKeyGeneration"> {
  if (!wish?.controller || controller.tokenKeyDigest !== tokenKeyDigest(wish.controller.tokenKey)) return {};
  return { tokenKeyGeneration: wish.keys.current.generation };
}

/** The copy of the controller's state on this machine, as far as it is whole. */
function copyReport(status: ReplicationStatus | undefined): Partial<ControllerStatus> {
  if (!status) return {};
  const { position, replicas } = status.report;
  const { acknowledged } = status;
  return {
    ...(position && { replica: position }),
    ...(replicas && { members: replicas.slice(0, MEMBERS_MAX) }),
    ...(acknowledged && { replicatedSequence: acknowledged.sequence }),
  };
}

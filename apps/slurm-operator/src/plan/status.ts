import {
  setCondition,
  SLURM_REASON_OWNER,
  type Condition,
  type SlurmClusterCondition,
  type SlurmClusterStatus,
  type SlurmConfig,
  type SlurmKeys,
  type SlurmLease,
} from "@cluster-os/api";
import { hasMajority, hasSlurm } from "./controller.ts";
import { lacking } from "./keys.ts";
import type { Machine } from "./machine.ts";

export interface StatusObserved {
  readonly before: SlurmClusterStatus | undefined;
  readonly generation: number;
  readonly machines: readonly Machine[];
  readonly lease: SlurmLease | undefined;
  readonly isSilent: boolean;
  readonly isSilentLong: boolean;
  readonly config: Pick<SlurmConfig, "hash"> | undefined;
  /** Why the spec could not be rendered. */
  readonly configError: string | undefined;
  readonly keys: SlurmKeys | undefined;
  readonly nowIso: string;
}

interface Verdict {
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
}

const verdict = (status: Verdict["status"], reason: string, message: string): Verdict => ({
  status,
  reason,
  message,
});

/** The whole status, from what is observed; the times at which conditions changed are kept. */
export function planStatus(observed: StatusObserved): SlurmClusterStatus {
  const { before, generation, machines, lease, config, keys, nowIso } = observed;
  const holder = machines.find(({ name }) => name === lease?.holder);
  const told = holder?.slurm?.controller;
  const isCurrent = told?.running === true && told.epoch === lease?.epoch && !observed.isSilent;
  const { nodes, jobs } = isCurrent ? told : {};
  const isSameEpoch = before?.activeController?.epoch === lease?.epoch;
  const since = isSameEpoch ? before?.activeController?.since : nowIso;
  const drains = machines
    .filter(({ isCordoned }) => isCordoned)
    .map(({ name }) => ({ node: name, reason: `${SLURM_REASON_OWNER} cordoned in Kubernetes` }));
  return {
    ...(lease && {
      activeController: {
        ...(lease.holder !== undefined && { node: lease.holder }),
        ...(holder?.address !== undefined && { address: holder.address }),
        epoch: lease.epoch,
        ...(since !== undefined && { since }),
      },
      replicas: lease.replicas.map((name) => replicaOf(name, machines)),
    }),
    ...(nodes && { nodes, nodesText: `${nodes.available}/${nodes.total}` }),
    ...(jobs && { jobs }),
    ...(keys && { keys: keysStatus(keys, machines) }),
    ...(config && {
      config: {
        hash: config.hash,
        ...(holder?.slurm?.configHash !== undefined && { appliedHash: holder.slurm.configHash }),
      },
    }),
    drains,
    conditions: conditionsOf(observed, holder, isCurrent).reduce<Condition[]>(
      (conditions, [type, found]) =>
        setCondition(conditions, { type, ...found, observedGeneration: generation }, nowIso),
      [...(before?.conditions ?? [])],
    ),
    observedGeneration: generation,
  };
}

function replicaOf(name: string, machines: readonly Machine[]) {
  const machine = machines.find((one) => one.name === name);
  const { epoch, replica } = machine?.slurm?.controller ?? {};
  return {
    node: name,
    ...(machine?.address !== undefined && { address: machine.address }),
    ...(epoch !== undefined && { promised: epoch }),
    ...(replica && { position: replica }),
  };
}

function keysStatus({ current, next, switchAt }: SlurmKeys, machines: readonly Machine[]) {
  return {
    current: current.generation,
    madeAt: current.madeAt,
    ...(next && { next: next.generation }),
    ...(switchAt !== undefined && { switchAt }),
    nodes: machines
      .filter(({ slurm }) => slurm?.keyGenerations !== undefined)
      .map(({ name, slurm }) => ({ node: name, ...slurm?.keyGenerations })),
  };
}

function conditionsOf(
  observed: StatusObserved,
  holder: Machine | undefined,
  isCurrent: boolean,
): readonly (readonly [SlurmClusterCondition, Verdict])[] {
  const available = judgeController(observed, isCurrent);
  const applied = judgeConfig(observed, holder);
  const nodes = isCurrent ? (holder?.slurm?.controller?.nodes?.available ?? 0) : 0;
  const ready =
    available.status !== "True"
      ? available
      : holder?.slurm?.configHash === undefined
        ? applied
        : nodes > 0
          ? verdict("True", "TakesJobs", "a controller runs, and nodes take jobs")
          : verdict("False", "NoNodes", "no node takes jobs");
  return [
    ["Ready", ready],
    ["ControllerAvailable", available],
    ["StateReplicated", judgeReplicas(observed)],
    ["FailoverReady", judgeFailover(observed)],
    ["ConfigApplied", applied],
    ["KeysSynced", judgeKeys(observed)],
  ];
}

function judgeController(
  { machines, lease, isSilent, isSilentLong }: StatusObserved,
  isCurrent: boolean,
): Verdict {
  if (!lease && !machines.some(hasSlurm))
    return verdict(
      "False",
      "NotInstalled",
      "no machine has cluster-os-slurm; install it where jobs are to run",
    );
  if (lease === undefined)
    return verdict("False", "NoCandidate", "no machine that may run the controller is ready");
  if (isCurrent) return verdict("True", "Running", `slurmctld runs on ${lease.holder}, epoch ${lease.epoch}`);
  const isLost = lease.holder === undefined || isSilent;
  const silent = isSilentLong ? undefined : lease.holder;
  if (isLost && !lease.mayFound && !hasMajority(machines, lease.replicas, silent)) {
    const message = `more than half of ${lease.replicas.join(", ")} must answer, or saved jobs could be lost; bring one of them back`;
    return verdict("False", "NoMajority", message);
  }
  if (isLost) return verdict("False", "Electing", "another machine takes over");
  return verdict("False", "Starting", `slurmctld does not run on ${lease.holder} yet`);
}

/** Replicas with a copy of this epoch. */
function copies({ machines, lease }: StatusObserved): readonly string[] {
  return (lease?.replicas ?? []).filter((name) => {
    const machine = machines.find((one) => one.name === name);
    return machine?.isReady === true && machine.slurm?.controller?.replica?.epoch === lease?.epoch;
  });
}

function judgeReplicas(observed: StatusObserved): Verdict {
  const all = observed.lease?.replicas ?? [];
  const have = copies(observed);
  const text = `${have.length} of ${all.length} replicas have the state of this epoch`;
  return have.length * 2 > all.length
    ? verdict("True", "Majority", text)
    : verdict("False", "NoMajority", text);
}

function judgeFailover(observed: StatusObserved): Verdict {
  const all = observed.lease?.replicas ?? [];
  const others = copies(observed).filter((name) => name !== observed.lease?.holder);
  if (all.length < 3) {
    return verdict(
      "False",
      "TooFewReplicas",
      "three machines are needed: two cannot tell which of them is lost",
    );
  }
  return others.length * 2 > all.length
    ? verdict("True", "Ready", `${others.join(", ")} could take over`)
    : verdict(
        "False",
        "Behind",
        `without ${observed.lease?.holder}, ${others.length} of ${all.length} replicas have the state`,
      );
}

function judgeConfig({ config, configError }: StatusObserved, holder: Machine | undefined): Verdict {
  if (configError !== undefined) return verdict("False", "Invalid", configError);
  const refused = holder?.slurm?.configRefused;
  if (config === undefined) return verdict("Unknown", "NotRendered", "there is no configuration yet");
  if (holder?.slurm?.configHash === config.hash) return verdict("True", "Applied", "slurmctld runs with it");
  if (refused?.hash === config.hash)
    return verdict("False", "Refused", `slurmctld refused it, and the one before stays: ${refused.message}`);
  return verdict("False", "Pending", "slurmctld does not run with it yet");
}

function judgeKeys({ keys, machines }: StatusObserved): Verdict {
  if (keys === undefined) return verdict("False", "NoKeys", "there are no keys, or they cannot be read");
  const { current, next, switchAt } = keys;
  const signing = [current.generation, ...(next && switchAt !== undefined ? [next.generation] : [])];
  const missing = lacking(
    machines,
    (found) => found.current !== undefined && signing.includes(found.current),
  );
  if (missing.length > 0) return verdict("False", "Missing", `${missing.join(", ")} do not have the key`);
  if (next === undefined)
    return verdict("True", "Synced", `every node that answers has generation ${current.generation}`);
  return switchAt === undefined
    ? verdict("True", "Rotating", `generation ${next.generation} is handed out`)
    : verdict("True", "Rotating", `generation ${next.generation} signs from ${switchAt} on`);
}

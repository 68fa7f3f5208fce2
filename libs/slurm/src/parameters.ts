import type { SlurmClusterSpec } from "@cluster-os/api";
import { compareText } from "@cluster-os/std";

export interface Parameter {
  readonly name: string;
  readonly value: string;
}

/** Parameters that a spec may replace. */
const DEFAULTS: Readonly<Record<string, string>> = {
  // cgroups are Kubernetes' on these machines.
  JobAcctGatherType: "jobacct_gather/linux",
  MpiDefault: "pmix",
  ProctrackType: "proctrack/linuxproc",
  // MPI pins memory; slurmd's unit says how much.
  PropagateResourceLimitsExcept: "MEMLOCK",
  ReturnToService: "2",
  SchedulerParameters: "batch_sched_delay=0,sched_min_interval=0,bf_interval=1",
  SelectType: "select/cons_tres",
  SelectTypeParameters: "CR_CPU",
  SlurmctldDebug: "info",
  SlurmctldTimeout: "10",
  SlurmdDebug: "info",
  SlurmdTimeout: "60",
  TaskPlugin: "task/none",
};

/** All of them, sorted without regard to capitals, each name once: SLURM does not tell capitals. */
export function parametersOf(extra: SlurmClusterSpec["extraConfiguration"]): readonly Parameter[] {
  const given = new Set(extra.map(({ name }) => name.toLowerCase()));
  const kept = Object.entries(DEFAULTS)
    .filter(([name]) => !given.has(name.toLowerCase()))
    .map(([name, value]) => ({ name, value }));
  return [...kept, ...extra].toSorted((one, other) =>
    compareText(one.name.toLowerCase(), other.name.toLowerCase()),
  );
}

import { percentile } from "../latencies.ts";

/** One loss of the controller's machine, in milliseconds since its power was cut. */
export interface Failover {
  /** When slurmctld was started on another machine. */
  readonly startedMs: number;
  /** When a job was acknowledged of those that were submitted anew each second. */
  readonly newMs: number;
  /** The same of those that were submitted one after the other: SLURM's programs give up on a lost controller after half a minute. */
  readonly repeatedMs: number;
}

/** What was lost; how often; medians and the longest, in seconds. */
export function failoverRow(lost: string, failovers: readonly Failover[]): readonly string[] {
  const cell = (of: (failover: Failover) => number, share: number): string => {
    const sorted = failovers.map(of).sort((one, other) => one - other);
    return (percentile(sorted, share) / 1000).toFixed(1);
  };
  return [
    lost,
    String(failovers.length),
    cell(({ startedMs }) => startedMs, 0.5),
    cell(({ newMs }) => newMs, 0.5),
    cell(({ newMs }) => newMs, 1),
    cell(({ repeatedMs }) => repeatedMs, 0.5),
    cell(({ repeatedMs }) => repeatedMs, 1),
  ];
}

import { percentile } from "../latencies.ts";

/** One loss of the controller's machine, in milliseconds since its power was cut. */
export interface Failover {
  /** When slurmctld was started on another machine. */
  readonly startedMs: number;
  /** When a job was acknowledged again. */
  readonly acknowledgedMs: number;
}

/** What was lost; how often; medians and the longest, in seconds. */
export function failoverRow(lost: string, failovers: readonly Failover[]): readonly string[] {
  const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);
  const started = sorted(failovers.map(({ startedMs }) => startedMs));
  const acknowledged = sorted(failovers.map(({ acknowledgedMs }) => acknowledgedMs));
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  return [
    lost,
    String(failovers.length),
    seconds(percentile(started, 0.5)),
    seconds(percentile(acknowledged, 0.5)),
    seconds(percentile(acknowledged, 1)),
  ];
}

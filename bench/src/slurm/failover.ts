import { percentile } from "../latencies.ts";

import type { Acknowledged } from "./power-cut.ts";

/** One loss of the controller's machine, in milliseconds since its power was cut. */
export interface Failover extends Acknowledged {
  /** When slurmctld was started on another machine; where one ran there already, it was not. */
  readonly startedMs?: number;
}

/** What was lost; how often; medians and the longest, in seconds. */
export function failoverRow(lost: string, failovers: readonly Failover[]): readonly string[] {
  const cell = (of: (failover: Failover) => number | undefined, share: number): string => {
    const sorted = failovers
      .map(of)
      .filter((ms) => ms !== undefined)
      .toSorted((one, other) => one - other);
    return sorted.length === 0 ? "" : (percentile(sorted, share) / 1000).toFixed(1);
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

import { percentile } from "../latencies.ts";
import type { Loss } from "./losses.ts";

/** What was measured of a subject. */
export interface Measured {
  readonly subject: string;
  /** Seconds from power to all Ready, of `servers` servers. */
  readonly upS: readonly number[];
  readonly losses: readonly Loss[];
  /** Milliseconds from power to all Ready, of a cluster that had formed. */
  readonly cyclesMs: readonly number[];
}

/** A row for each thing that was measured: what, of whom, how often, median and longest in seconds. */
export function controlPlaneRows(
  measured: readonly Measured[],
  sizes: { readonly servers: number; readonly cycled: number; readonly graceS: number },
): readonly (readonly string[])[] {
  const things: readonly (readonly [string, (of: Measured) => readonly (number | undefined)[]])[] = [
    [`from power to ${sizes.servers} servers Ready`, ({ upS }) => upS.map((s) => s * 1000)],
    ["a server lost: no write acknowledged for", ({ losses }) => losses.map(({ silentMs }) => silentMs)],
    [
      "a server lost: others lead Kubernetes' controllers",
      ({ losses }) => losses.map((l) => l.controllersMs),
    ],
    ["a server lost: another clusternode-operator leads", ({ losses }) => losses.map((l) => l.operatorMs)],
    [
      `a server lost: as many votes again (grace time of ${sizes.graceS} s included)`,
      ({ losses }) => losses.map(({ votersMs }) => votersMs),
    ],
    [`all ${sizes.cycled} off and on: from power to all Ready`, ({ cyclesMs }) => cyclesMs],
  ];
  return things.flatMap(([what, of]) =>
    measured.map((one) => {
      const sorted = of(one)
        .filter((ms) => ms !== undefined)
        .toSorted((left, right) => left - right);
      const cell = (share: number): string =>
        sorted.length === 0 ? "" : (percentile(sorted, share) / 1000).toFixed(1);
      return [what, one.subject, String(sorted.length), cell(0.5), cell(1)];
    }),
  );
}

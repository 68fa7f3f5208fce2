import type { Round } from "./schedule.ts";
import type { Writes } from "./writer.ts";

export interface PlayedRound {
  readonly round: Round;
  /** What was done, in words. */
  readonly faults: readonly string[];
  readonly writes: Writes;
  /** From the end of the faults until everything was well again, in milliseconds; absent if it was not in time. */
  readonly wellAfterMs?: number;
  /** What was not kept, or what was still wrong. */
  readonly violations: readonly string[];
}

export interface Run {
  readonly seed: number;
  readonly machines: number;
  readonly minutes: number;
  readonly commit: string;
  readonly rounds: readonly PlayedRound[];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;

/** The run as a page: what was done to the machines, what users would have noticed, and what was lost. */
export function renderRun({ seed, machines, minutes, commit, rounds }: Run): string {
  const violated = rounds.filter(({ violations }) => violations.length > 0);
  const total = (of: (writes: Writes) => number): number =>
    rounds.reduce((sum, { writes }) => sum + of(writes), 0);
  const times = rounds.flatMap(({ wellAfterMs }) => wellAfterMs ?? []).toSorted((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  const rows = rounds.map(({ round, faults, writes, wellAfterMs }) =>
    [
      round.number,
      faults.join("; "),
      `${round.heldS} s`,
      `${writes.acknowledged} / ${writes.refused}`,
      seconds(writes.longestGapMs),
      wellAfterMs === undefined ? "not in time" : seconds(wellAfterMs),
    ].join(" | "),
  );
  return `# Faults drawn by chance

\`make test-chaos SEED=${seed} MINUTES=${minutes} NODES=${machines}\` at ${commit}: ${rounds.length} rounds on ${machines} lab machines. Each
round draws one or two faults, holds them, ends them, and waits until every ClusterNode is Ready, etcd has the voters it is to have,
and every SLURM node takes jobs, for 20 s at a stretch. Meanwhile an object a second is created through whichever server takes it. The same seed draws the
same faults; what comes of them differs with the machines' speed.

- Acknowledged writes: ${total(({ acknowledged }) => acknowledged)}; refused, or not answered within 4 s on any server: ${total(({ refused }) => refused)}.
- All well again after the end of the faults: ${median === undefined ? "never" : `median ${seconds(median)}, longest ${seconds(times.at(-1) ?? 0)}`}.
- Not kept: ${violated.length === 0 ? "nothing" : violated.map(({ round, violations }) => `in round ${round.number}, ${violations.join("; ")}`).join(". ")}. Looked at after each round: the cluster's ID, every node's index, every acknowledged
  write, every SLURM job submitted at a round's begin, and that one slurmctld runs.

| round | faults | held | writes / refused | longest without a write | all well after |
| ---: | --- | ---: | ---: | ---: | ---: |
${rows.map((row) => `| ${row} |`).join("\n")}
`;
}

import type { ReplicaId } from "./manifest.ts";
import { comparePositions, reaches, showPosition, type Position } from "./position.ts";
import { SOUND_RULES, type ReplicationRules } from "./rules.ts";

/** What a replica says of itself, after it has checked everything it keeps. */
export interface ReplicaReport {
  readonly replica: ReplicaId;
  /** The highest epoch it promised or followed; it refuses lower ones. 0 before the first. */
  readonly promised: number;
  /** The newest snapshot it keeps that is whole: manifest and every block match their checksums. */
  readonly position?: Position;
  /** Who keeps the directory according to that snapshot. */
  readonly replicas?: readonly ReplicaId[];
  /** A newer snapshot that it once kept and may have acknowledged, and that is damaged now. */
  readonly lost?: Position;
}

export type Choice =
  /** These keep the newest snapshot that can be acknowledged: nominate one of them. */
  | {
      readonly kind: "newest";
      readonly position: Position;
      readonly holders: readonly ReplicaId[];
      /** The replica set of that snapshot. */
      readonly replicas: readonly ReplicaId[];
    }
  /** A majority answered, and nobody keeps anything: there was no leader yet. */
  | { readonly kind: "empty"; readonly replicas: readonly ReplicaId[] }
  /** It is not known yet. `asked` is whose answer would help. */
  | { readonly kind: "waiting"; readonly reason: string; readonly asked: readonly ReplicaId[] };

/**
 * Which replica has the newest state, from what some of them say. It decides only when a majority of the replica set has
 * answered: whatever a majority acknowledged is then among the answers. The set is the one that the newest snapshot names;
 * `replicas` is the set where there is no snapshot at all.
 *
 * A damaged replica counts only if what is chosen is not older than anything it may ever have acknowledged.
 */
export function newest(
  reports: readonly ReplicaReport[],
  replicas: readonly ReplicaId[],
  rules: ReplicationRules = SOUND_RULES,
): Choice {
  const best = bestOf(reports, rules);
  const set = best?.replicas ?? replicas;
  const answers = reports.filter(({ replica }) => set.includes(replica));
  const counted = answers.filter((report) => rules.counts(report, best?.position));
  if (counted.length < rules.majority(set.length)) {
    return { kind: "waiting", ...missing(set, answers, counted, rules.majority(set.length)) };
  }
  if (best?.position === undefined) return { kind: "empty", replicas: set };
  const { position } = best;
  const holders = reports
    .filter((report) => report.position !== undefined && comparePositions(report.position, position) === 0)
    .map(({ replica }) => replica);
  return { kind: "newest", position, holders, replicas: set };
}

function bestOf(reports: readonly ReplicaReport[], rules: ReplicationRules): ReplicaReport | undefined {
  return reports
    .filter(({ position }) => position !== undefined)
    .reduce<ReplicaReport | undefined>(
      (best, report) =>
        best?.position && report.position && rules.compare(report.position, best.position) <= 0
          ? best
          : report,
      undefined,
    );
}

/** Whether nothing that this replica may have acknowledged is newer than what is chosen. */
export function countsFor(report: ReplicaReport, chosen: Position | undefined): boolean {
  return report.lost === undefined || reaches(chosen, report.lost);
}

function missing(
  set: readonly ReplicaId[],
  answers: readonly ReplicaReport[],
  counted: readonly ReplicaReport[],
  needed: number,
): { readonly reason: string; readonly asked: readonly ReplicaId[] } {
  const silent = set.filter((replica) => answers.every((report) => report.replica !== replica));
  const damaged = answers.filter((report) => !counted.includes(report));
  const parts = [
    `${counted.length} of ${set.length} replicas can answer, ${needed} are needed`,
    ...(silent.length > 0 ? [`no answer from ${silent.join(", ")}`] : []),
    ...damaged.map(({ replica, lost }) => `${replica} has lost its snapshot ${showPosition(lost)}`),
  ];
  return { reason: parts.join("; "), asked: silent };
}

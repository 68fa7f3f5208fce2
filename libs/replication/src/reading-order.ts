import { compareText } from "@cluster-os/std";

/**
 * How a program writes its directory, so that it can be read while it writes: which files have to be read before which others,
 * what stands in for a file that is just being replaced, and what is not to be kept. It is a description; nothing in it acts.
 */
export interface ReadingOrder {
  /**
   * Files that match an earlier stage are read before those of a later one; those that match none are read last. What a file of an
   * earlier stage refers to is then there at least as new.
   */
  readonly stages: readonly RegExp[];
  /** Not kept: drafts, locks, what means nothing on another machine. */
  readonly excluded: RegExp;
  /** `job_state.old` stands in for `job_state` where that is missing, given ".old" here; it is not kept under its own name. */
  readonly standIns: readonly string[];
  /** Files that, once they were there, are there for ever: a reading that finds neither them nor a stand-in failed. */
  readonly lasting: RegExp;
  /**
   * Folders whose changes are noticed at once ("" is the top). A change elsewhere is noticed with the next one here, or when all is
   * read again after a while.
   */
  readonly watched: RegExp;
  /**
   * Files and folders to which nothing happens once they are whole but that they are removed, which the folder that they are in tells;
   * none comes again under its name. Those that have been as they are for a while are looked at now and then only.
   */
  readonly writtenOnce: RegExp;
}

/** One file to read: from the first of these names that is there, to be kept as `path`. */
export interface ReadStep {
  readonly path: string;
  readonly sources: readonly string[];
}

const NOTHING = /(?!)/;

/** For programs that replace each file by a rename and do not mind in which order they are read. */
export const plainReadingOrder: ReadingOrder = {
  stages: [],
  excluded: NOTHING,
  standIns: [],
  lasting: NOTHING,
  watched: /^/,
  writtenOnce: NOTHING,
};

/**
 * slurmctld's StateSaveLocation, as SLURM 24.11 was seen to write it. It writes `X.new`, unlinks `X.old`, links `X` to `X.old`, unlinks
 * `X`, links `X.new` to `X` and unlinks `X.new`: for some milliseconds there is no `X`, always one of `X` and `X.old`, and no
 * file changes once it has its name. The script and environment of a job are in `hash.N/job.ID` before `job_state` speaks of the job:
 * so job_state is read first, and every job in it has its script in what is read later. slurmctld throws away directories of jobs
 * that job_state does not know. `heartbeat` is of two controllers on one file system.
 */
export const slurmReadingOrder: ReadingOrder = {
  stages: [/^job_state$/, /^node_state$/, /^[^/]+$/],
  excluded: /\.new$|^heartbeat$/,
  standIns: [".old"],
  lasting: /^(job_state|node_state|clustername)$/,
  watched: /^$|^hash\.\d+$/,
  writtenOnce: /^hash\.\d+\/job\.\d+(\/|$)/,
};

/**
 * What to read, in order. `files` are the paths that a listing of the directory showed, `before` those of the snapshot before: a
 * file that is being replaced may have no name at all at the moment of the listing.
 */
export function planReading(
  order: ReadingOrder,
  files: readonly string[],
  before: readonly string[] = [],
): readonly ReadStep[] {
  const lasting = before.filter((path) => order.lasting.test(path));
  const paths = new Set([...files, ...lasting].map((path) => originalOf(order, path)));
  const stages = Array.from({ length: order.stages.length + 1 }, (): string[] => []);
  for (const path of paths) if (isKept(order, path)) stages[stageOf(order, path)]?.push(path);
  return stages.flatMap((stage) =>
    // Its own name again at the end: it may be back by then.
    stage.sort(compareText).map((path) => ({
      path,
      sources: [path, ...order.standIns.flatMap((suffix) => [path + suffix, path])],
    })),
  );
}

export function isKept(order: ReadingOrder, path: string): boolean {
  return !order.excluded.test(path);
}

/** Whether a file that was listed and cannot be found may be left out: it was removed meanwhile. */
export function mayVanish(order: ReadingOrder, path: string): boolean {
  return !order.lasting.test(path);
}

function originalOf({ standIns }: ReadingOrder, path: string): string {
  const suffix = standIns.find((ending) => path.endsWith(ending) && path.length > ending.length);
  return suffix === undefined ? path : path.slice(0, -suffix.length);
}

function stageOf({ stages }: ReadingOrder, path: string): number {
  const at = stages.findIndex((stage) => stage.test(path));
  return at < 0 ? stages.length : at;
}

/** Times of the protocol, in milliseconds. */
export interface ReplicationConfig {
  /** From a change in the directory to reading it: what is written in one go is read in one go. */
  readonly settleMs: number;
  /** Two readings of the directory begin at least so far apart. */
  readonly captureIntervalMs: number;
  /** After a reading, none is begun for so many times as long as it took: a large directory is read less often. */
  readonly restPerReading: number;
  /** A new snapshot waits so long for a majority to have the one before it, and is taken then anyway. */
  readonly paceMs: number;
  /** What was not answered is said again after this. */
  readonly retryMs: number;
  /** Who is told what changed, and does not keep it after this, is told everything. */
  readonly wholeMs: number;
  /** A leader tells its followers what is newest this often, also when nothing changes. */
  readonly announceMs: number;
  /** The directory is read this often even if nobody noticed a change; notice may be lost. */
  readonly rescanMs: number;
  /** A disk that failed is tried again after this. */
  readonly diskRetryMs: number;
  /** At most so many blocks are asked for at once. */
  readonly blocksAtOnce: number;
}

export const defaultReplicationConfig: ReplicationConfig = {
  settleMs: 8,
  captureIntervalMs: 100,
  restPerReading: 3,
  paceMs: 1_000,
  retryMs: 250,
  wholeMs: 2_000,
  announceMs: 1_000,
  rescanMs: 5_000,
  diskRetryMs: 2_000,
  blocksAtOnce: 64,
};

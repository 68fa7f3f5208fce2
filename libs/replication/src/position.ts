/**
 * How far the history of a directory has come. Epochs are given by whoever nominates leaders, and each has one leader at most; the
 * leader counts its snapshots in `sequence`, which goes on from the snapshot it began with.
 */
export interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

/** Negative when `left` is older: the epoch counts first. */
export function comparePositions(left: Position, right: Position): number {
  return left.epoch - right.epoch || left.sequence - right.sequence;
}

/** Whether `position` reaches `goal`; nothing reaches what is absent, and everything reaches no goal. */
export function reaches(position: Position | undefined, goal: Position | undefined): boolean {
  if (!goal) return true;
  return position !== undefined && comparePositions(position, goal) >= 0;
}

/** "3/41": epoch 3, sequence 41. For logs and messages. */
export function showPosition(position: Position | undefined): string {
  return position ? `${position.epoch}/${position.sequence}` : "nothing";
}

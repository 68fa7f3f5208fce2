import type { NodeView, RunningJob } from "./answers.ts";

/** slurmctld writes what it was asked to save within five seconds, and was given one more. */
const SAVE_SECONDS = 6;

/**
 * A job that runs, and that slurmctld has not saved as running though it had the time; `savedAtMs` is when it wrote its jobs last. Its
 * backfill scheduler starts jobs without asking for a save (seen with 24.11.5): until something else changes, or for
 * five minutes, they are saved as waiting, and whoever goes on from that runs them once more and ends what ran.
 */
export function unsavedStart(
  running: readonly RunningJob[],
  savedAtMs: number,
  nowMs: number,
): RunningJob | undefined {
  // Starts are told in whole seconds: one in the second of a save may have come after it.
  const savedAt = Math.floor(savedAtMs / 1000);
  return running.find(({ startedAt }) => startedAt >= savedAt && nowMs / 1000 - startedAt >= SAVE_SECONDS);
}

/**
 * A node that slurmctld knows and has not saved: it saves a machine that registers by itself with the next change of any node, or after
 * five minutes (seen with 24.11.5), and whoever goes on without would never hear of it, for slurmd registers when it starts and not
 * again. `saved` is slurmctld's file of its nodes, which has their names as C strings; undefined where there is none yet.
 */
export function unsavedNode(nodes: readonly NodeView[], saved: Uint8Array | undefined): NodeView | undefined {
  const known = saved && Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength);
  return nodes.find(({ name }) => !known?.includes(`${name}\0`));
}

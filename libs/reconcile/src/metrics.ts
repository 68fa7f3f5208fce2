/** How one reconcile ended. */
export type ResultKind = "success" | "requeue-after" | "error" | "terminal-error";

/**
 * What a queue and its controller tell about themselves, as it happens. Times are in milliseconds. The hooks must be
 * quick and must not throw.
 */
export interface ReconcileMetrics {
  /** A key became ready to be taken: right away, or at the end of its delay. */
  added(): void;
  /** A key was put back for a later try after a failure. */
  retried(): void;
  /** A key was taken, this long after it had become ready. */
  taken(waitedMs: number): void;
  /** A key's work ended, this long after it was taken. */
  worked(tookMs: number): void;
  /** Keys that are ready and not taken yet. */
  depth(count: number): void;
  /** How a reconcile ended. */
  result(kind: ResultKind): void;
}

/** Counts nothing. */
export const NO_METRICS: ReconcileMetrics = {
  added: () => {},
  retried: () => {},
  taken: () => {},
  worked: () => {},
  depth: () => {},
  result: () => {},
};

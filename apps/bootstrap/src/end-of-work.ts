import { describeError, type Logger } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";

export interface EndOfWorkOptions {
  /** Rounds of all loops end, those under way too. */
  readonly stopLoops: () => Promise<void>;
  readonly haltKubernetes: (signal: AbortSignal) => Promise<void>;
  readonly stopMesh: (signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
}

const TRY_AGAIN_MS = 5_000;

/**
 * What a machine does that is revoked, or has given way to another with its identity, once it knows: whatever it did for the cluster ends, and its disk stays as it is, since
 * nobody but its owner knows what on it is worth keeping. Goes on until it is done; a restart begins again.
 */
export async function endWork(options: EndOfWorkOptions, signal: AbortSignal): Promise<void> {
  const { stopLoops, haltKubernetes, stopMesh, logger } = options;
  logger.warn("this machine is no member any more: its work ends, its data stays", {});
  await stopLoops();
  // The mesh first: without it, nothing that runs here reaches the cluster any more.
  for (const [what, act] of [
    ["mesh", stopMesh],
    ["kubernetes", haltKubernetes],
  ] as const) {
    while (!signal.aborted) {
      try {
        await act(signal);
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("work does not end yet", { part: what, error: describeError(error) });
        await delay(TRY_AGAIN_MS, signal).catch(() => {});
      }
    }
  }
  logger.warn("all work for the cluster has ended", {});
}

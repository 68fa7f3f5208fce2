import { setImmediate } from "node:timers/promises";
import { rehearse } from "@cluster-os/membership";
import { describeError, type Logger, type Rng } from "@cluster-os/std";

let hasBegun = false;

/**
 * Membership's rehearsal, once in a process's life, while this machine looks for others: beside whatever else there is to do, which gets
 * its turn after each message. Ends early when it is disposed of.
 */
export function startRehearsal({ rng, logger }: { readonly rng: Rng; readonly logger: Logger }): Disposable {
  const stopping = new AbortController();
  if (!hasBegun) {
    rehearseBeside(rng, stopping.signal).catch((error: unknown) => {
      logger.error("the rehearsal of membership failed", { error: describeError(error) });
    });
  }
  hasBegun = true;
  return { [Symbol.dispose]: () => stopping.abort() };
}

async function rehearseBeside(rng: Rng, signal: AbortSignal): Promise<void> {
  for (const _message of rehearse(rng)) {
    await setImmediate();
    if (signal.aborted) return;
  }
}

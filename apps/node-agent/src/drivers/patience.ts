import { LocalApiClient } from "@cluster-os/api/drivers";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import { repeat } from "../repeat.ts";

/** Until it is known how slow the machine is, it may be as slow as a file can say. */
const MOST_PATIENCE = 20;
const EVERY_MS = 2_000;

/** How many times slower than usual this machine is, by its bootstrap, which is waited for; 1 if `signal` ends the wait. */
export async function askPatience(
  shared: { readonly clock: Clock; readonly rng: Rng; readonly logger: Logger },
  signal: AbortSignal,
): Promise<number> {
  const bootstrap = new LocalApiClient({ patience: MOST_PATIENCE });
  const known = new AbortController();
  let patience = 1;
  const round = async (until: AbortSignal): Promise<void> => {
    patience = (await bootstrap.status(until)).patience ?? 1;
    known.abort();
  };
  await repeat(
    { name: "patience", everyMs: EVERY_MS, round, ...shared },
    AbortSignal.any([signal, known.signal]),
  );
  return patience;
}

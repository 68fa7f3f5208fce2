import { waitFor } from "@cluster-os/std/drivers";

export const MINUTE_MS = 60_000;

/** Waits for a condition of the cluster, and prints how long that took. */
export async function timed(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 2 * MINUTE_MS,
): Promise<void> {
  const started = performance.now();
  await waitFor(condition, { what, timeoutMs, everyMs: 500 });
  console.log(`        (${what}: ${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

import type { Rng } from "@cluster-os/std";

export interface Validity {
  /** When the certificate was received, Unix milliseconds. */
  readonly receivedAt: number;
  /** When it ends, Unix milliseconds. */
  readonly expiresAt: number;
}

/**
 * Milliseconds from receipt to renewal: two thirds of the remaining life, less up to a tenth of it by chance, so that
 * machines that started together do not all ask at once, and a third of an hour is left for trouble.
 */
export function renewalDelayMs(validity: Validity, rng: Rng): number {
  const lifeMs = Math.max(0, validity.expiresAt - validity.receivedAt);
  return Math.round(lifeMs * (2 / 3 - rng.fraction() / 10));
}

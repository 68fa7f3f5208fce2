/** How often a machine takes a new WireGuard key by itself, and how long it announces it before. Milliseconds. */
export interface RotationPolicy {
  readonly periodMs: number;
  /** Gossip reaches every living member within seconds; a member that is away learns both keys when it is back. */
  readonly announceMs: number;
}

export const ROTATION_POLICY: RotationPolicy = { periodMs: 30 * 86_400_000, announceMs: 15_000 };

/** The keys of a machine, by how old they are in milliseconds. */
export interface RotationObserved {
  readonly currentAgeMs: number;
  /** Of the key that is announced and not used yet; undefined while there is none. */
  readonly nextAgeMs: number | undefined;
  /** A person asked for a new key. */
  readonly isAsked: boolean;
}

/**
 * The next step of a rotation; undefined when nothing is to be done.
 *
 * - `announce`: make the next key, keep it on disk and tell the members. They add it as a peer without addresses: a
 *   handshake with it succeeds from then on, and the present key goes on carrying everything.
 * - `switch`: use it. The machine shakes hands with every peer under the new key at once; each gives it the addresses and
 *   removes the old one when it hears that it is the machine's key now.
 *
 * An age below zero - the clock was set back - counts as ripe: a rotation too early costs a handshake, one that never comes
 * keeps a key for ever.
 */
export function planRotation(
  { currentAgeMs, nextAgeMs, isAsked }: RotationObserved,
  policy: RotationPolicy = ROTATION_POLICY,
): "announce" | "switch" | undefined {
  if (nextAgeMs !== undefined) return isRipe(nextAgeMs, policy.announceMs) ? "switch" : undefined;
  return isAsked || isRipe(currentAgeMs, policy.periodMs) ? "announce" : undefined;
}

function isRipe(ageMs: number, afterMs: number): boolean {
  return ageMs < 0 || ageMs >= afterMs;
}

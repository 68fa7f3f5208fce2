/** Randomness as an argument, so that a seed replays a whole history. */
export interface Rng {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
  /** A uniform number in [0, 1). */
  fraction(): number;
}

/** A uniform integer in [0, limit). */
export function randomInteger(rng: Rng, limit: number): number {
  return Math.floor(rng.fraction() * limit);
}

/** A shuffled copy of `items` (Fisher-Yates). */
export function shuffled<T>(rng: Rng, items: readonly T[]): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = randomInteger(rng, last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}

/**
 * A small deterministic generator (SplitMix64's mixing, truncated to 32 bits per step) for simulations and tests. It is
 * not for keys of a real cluster.
 */
export function seededRng(seed: number): Rng {
  let state = BigInt.asUintN(64, BigInt(Math.trunc(seed)));
  const next = (): number => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = state;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return Number((mixed ^ (mixed >> 31n)) >> 32n);
  };
  return {
    fraction: () => next() / 2 ** 32,
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
}

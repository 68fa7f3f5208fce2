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
  const start = BigInt.asUintN(64, BigInt(Math.trunc(seed)));
  const state = new SplitMix64(Number(start >> 32n), Number(start & 0xffffffffn));
  return {
    fraction: () => state.next() / 2 ** 32,
    bytes: (count) => Uint8Array.from({ length: count }, () => state.next() & 0xff),
  };
}

/** In halves of 32 bits: simulations spend a good part of their time on chance, and 64-bit integers are slow here. */
class SplitMix64 {
  #high: number;
  #low: number;

  constructor(high: number, low: number) {
    this.#high = high | 0;
    this.#low = low | 0;
  }

  /** The upper 32 bits of the next number. */
  next(): number {
    const sum = (this.#low >>> 0) + 0x7f4a7c15;
    this.#high = (this.#high + 0x9e3779b9 + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.#low = sum | 0;
    let high = this.#high;
    let low = this.#low;
    // mixed ^= mixed >> 30; mixed *= 0xbf58476d1ce4e5b9
    low ^= (low >>> 30) | (high << 2);
    high ^= high >>> 30;
    high = highProduct(high, low, 0xbf58476d, 0x1ce4e5b9);
    low = Math.imul(low, 0x1ce4e5b9);
    // mixed ^= mixed >> 27; mixed *= 0x94d049bb133111eb
    low ^= (low >>> 27) | (high << 5);
    high ^= high >>> 27;
    high = highProduct(high, low, 0x94d049bb, 0x133111eb);
    // mixed ^= mixed >> 31; of that the upper half
    return (high ^ (high >>> 31)) >>> 0;
  }
}

/** The upper half of the lower 64 bits of a product of two 64-bit numbers. */
function highProduct(leftHigh: number, leftLow: number, rightHigh: number, rightLow: number): number {
  const a = leftLow >>> 16;
  const b = leftLow & 0xffff;
  const c = rightLow >>> 16;
  const d = rightLow & 0xffff;
  const middle = b * c + ((b * d) >>> 16);
  const carry = (middle % 0x10000) + a * d;
  const upper = a * c + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
  return (upper + Math.imul(leftHigh, rightLow) + Math.imul(leftLow, rightHigh)) | 0;
}

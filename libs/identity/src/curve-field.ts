import { Point } from "@noble/ed25519";

/** The field of Curve25519 and the order of its group (RFC 7748 section 4.1), and numbers in it as the RFC writes them. */
export const { p: PRIME, n: ORDER } = Point.CURVE();

/** By Fermat's little theorem; of 0 it is 0. */
export function inverse(value: bigint): bigint {
  let [result, square] = [1n, value % PRIME];
  for (let exponent = PRIME - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

export function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse());
}

import { etc, Point } from "@noble/ed25519";

/** The field of Curve25519 and the order of its group (RFC 7748 section 4.1), and numbers in it as the RFC writes them. */
export const { p: PRIME, n: ORDER } = Point.CURVE();

/** Of 0 it is 0. Of public values only: how long it takes tells of them. */
export function inverse(value: bigint): bigint {
  const reduced = value % PRIME;
  return reduced === 0n ? 0n : etc.invert(reduced, PRIME);
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

export function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse());
}

import { createHash, diffieHellman, type KeyObject } from "node:crypto";
import { ByteMemo } from "@cluster-os/std";
import { fromLittleEndian, inverse, PRIME, toLittleEndian } from "./curve-field.ts";
import { PKCS8_X25519, privateKeyObjectOf, publicKeyObjectOf, SPKI_X25519 } from "./key-object.ts";
import type { SigningKey } from "./keys.ts";

/**
 * The 32-byte secret that two nodes share by nothing but their signing keys, the same on both sides: X25519 between the same keys on
 * the curve's other form (RFC 7748 section 4.1: u = (1 + y) / (1 - y); RFC 8032 section 5.1.5 for the scalar). Undefined for a
 * key with which no secret can be shared; none that admission lets in is one ({@link isSafePublicKey}).
 *
 * Ed25519 and X25519 may share a key pair: Thormarker, On using the same key pair for Ed25519 and an X25519 based KEM (2021).
 */
export function pairSecret(own: SigningKey, otherPublicKey: Uint8Array): Uint8Array | undefined {
  const other = montgomeryOf(otherPublicKey);
  if (!other) return undefined;
  const privateKey = agreementHalf(own);
  try {
    const publicKey = publicKeyObjectOf(SPKI_X25519, other);
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  } catch {
    // A point of small order: the secret would be all zero.
    return undefined;
  }
}

const agreementHalves = new WeakMap<SigningKey, KeyObject>();

function agreementHalf(own: SigningKey): KeyObject {
  const known = agreementHalves.get(own);
  if (known) return known;
  // X25519 clamps it as Ed25519 does.
  const scalar = createHash("sha512").update(own.seed).digest().subarray(0, 32);
  const made = privateKeyObjectOf(PKCS8_X25519, new Uint8Array(scalar));
  agreementHalves.set(own, made);
  return made;
}

function montgomeryOf(publicKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== 32) return undefined;
  return converted.of(publicKey, convert) || undefined;
}

const NONE = false;
const converted = new ByteMemo<Uint8Array | typeof NONE>(4_096);

function convert(publicKey: Uint8Array): Uint8Array | typeof NONE {
  const bytes = new Uint8Array(publicKey);
  // The sign of x, which u does not depend on.
  bytes[31]! &= 0x7f;
  const y = fromLittleEndian(bytes);
  if (y >= PRIME || y === 1n) return NONE;
  return toLittleEndian(((1n + y) * inverse(PRIME + 1n - y)) % PRIME);
}

import { createPublicKey, diffieHellman, sign, verify, type KeyObject } from "node:crypto";
import { invariant, type Rng } from "@cluster-os/std";
import {
  PKCS8_ED25519,
  PKCS8_X25519,
  privateKeyObjectOf,
  publicKeyObjectOf,
  SPKI_ED25519,
  SPKI_X25519,
} from "./key-object.ts";
import { nodeIdOf, type NodeId } from "./node-id.ts";

/** An Ed25519 key pair (RFC 8032). `seed` is the 32-byte secret; it is never logged or sent. */
export interface SigningKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly privateKeyObject: KeyObject;
}

/** An X25519 key pair (RFC 7748): 32 raw bytes each. */
export interface AgreementKey {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** A node's identity: a signing key under the name that follows from it. */
export interface Identity extends SigningKey {
  readonly nodeId: NodeId;
}

export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  invariant(seed.length === 32, "an Ed25519 seed has 32 bytes");
  const privateKeyObject = privateKeyObjectOf(PKCS8_ED25519, seed);
  return { seed, publicKey: rawPublicKey(privateKeyObject), privateKeyObject };
}

export function generateSigningKey(rng: Rng): SigningKey {
  return signingKeyFromSeed(rng.bytes(32));
}

export function identityFromSeed(seed: Uint8Array): Identity {
  const key = signingKeyFromSeed(seed);
  return { ...key, nodeId: nodeIdOf(key.publicKey) };
}

export function generateIdentity(rng: Rng): Identity {
  return identityFromSeed(rng.bytes(32));
}

export function agreementKeyFromPrivate(privateKey: Uint8Array): AgreementKey {
  invariant(privateKey.length === 32, "an X25519 private key has 32 bytes");
  return { privateKey, publicKey: rawPublicKey(privateKeyObjectOf(PKCS8_X25519, privateKey)) };
}

export function generateAgreementKey(rng: Rng): AgreementKey {
  return agreementKeyFromPrivate(rng.bytes(32));
}

/** The 32-byte shared secret of X25519. Throws for a public key of small order, whose secret is all zero. */
export function agree(own: AgreementKey, otherPublicKey: Uint8Array): Uint8Array {
  return new Uint8Array(
    diffieHellman({
      privateKey: privateKeyObjectOf(PKCS8_X25519, own.privateKey),
      publicKey: publicKeyObjectOf(SPKI_X25519, otherPublicKey),
    }),
  );
}

/** The 64-byte Ed25519 signature of `message`. */
export function signBytes(key: SigningKey, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, key.privateKeyObject));
}

/** Whether `signature` is `publicKey`'s signature of `message`. Malformed keys and signatures are simply wrong. */
export function verifyBytes(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    return verify(null, message, cachedVerifier(publicKey), signature);
  } catch {
    return false;
  }
}

// Making a KeyObject costs as much as a verification, and the same few keys sign everything. The bound keeps a flood
// of made-up keys from filling memory.
const VERIFIER_CACHE_LIMIT = 10_000;
const verifiers = new Map<string, KeyObject>();

function cachedVerifier(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString("latin1");
  const known = verifiers.get(name);
  if (known) return known;
  if (verifiers.size >= VERIFIER_CACHE_LIMIT) verifiers.clear();
  const made = publicKeyObjectOf(SPKI_ED25519, publicKey);
  verifiers.set(name, made);
  return made;
}

function rawPublicKey(privateKeyObject: KeyObject): Uint8Array {
  const spki = createPublicKey(privateKeyObject).export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(spki.length - 32));
}

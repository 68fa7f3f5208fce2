import { Point } from "@noble/ed25519";
import { ByteMemo, concatBytes, utf8 } from "@cluster-os/std";
import { createHash } from "node:crypto";
import { fromLittleEndian, inverse, ORDER, PRIME, toLittleEndian } from "./curve-field.ts";
import { verifyBytes, type AgreementKey } from "./keys.ts";
import { publicKeyOf, type NodeId } from "./node-id.ts";
import { isSafePublicKey } from "./small-order.ts";

/**
 * A node's word that an X25519 key is its own, which only a holder of that key's private half can give: an XEdDSA signature
 * (Perrin, The XEdDSA and VXEdDSA Signature Schemes, 2016) by the key itself of the node that uses it. Public keys are public,
 * so without this anybody could announce another node's as its own.
 *
 * The nonce is derived from the private key and the message alone, as Ed25519's is (RFC 8032 section 5.1.6), so that the
 * same words are the same bytes.
 */
export function proveAgreementKey(key: AgreementKey, purpose: string, nodeId: NodeId): Uint8Array {
  const message = messageOf(purpose, nodeId);
  const { scalar, publicKey } = signingHalf(key.privateKey);
  const r = scalarOf(NONCE_PREFIX, toLittleEndian(scalar), message);
  const commitment = Point.BASE.multiply(r).toBytes();
  const challenge = scalarOf(commitment, publicKey, message);
  const response = (r + challenge * scalar) % ORDER;
  return concatBytes(commitment, toLittleEndian(response));
}

/** Whether `proof` is the word of the holder of `agreementKey` that it is `nodeId`'s, for that purpose. */
export function isAgreementKeyProven(
  agreementKey: Uint8Array,
  proof: Uint8Array,
  purpose: string,
  nodeId: NodeId,
): boolean {
  if (agreementKey.length !== 32 || proof.length !== 64) return false;
  const message = messageOf(purpose, nodeId);
  return judged.of(concatBytes(agreementKey, proof, message), () => {
    const publicKey = edwardsOf(agreementKey);
    return publicKey !== undefined && isSafePublicKey(publicKey) && verifyBytes(publicKey, message, proof);
  });
}

// The mesh looks at every member's key each time that it looks at anything.
const judged = new ByteMemo<boolean>(4_096);

/** 2^256 - 2 in little-endian order: a hash that begins so is none of Ed25519's own. */
const NONCE_PREFIX = new Uint8Array(32).fill(0xff).fill(0xfe, 0, 1);

function messageOf(purpose: string, nodeId: NodeId): Uint8Array {
  return concatBytes(utf8(`cluster-os/${purpose}/v1\0`), publicKeyOf(nodeId));
}

/** The Ed25519 key pair of an X25519 private key, of the two that there are the one whose public key has sign 0. */
function signingHalf(privateKey: Uint8Array): { readonly scalar: bigint; readonly publicKey: Uint8Array } {
  const clamped = new Uint8Array(privateKey);
  clamped[0]! &= 248;
  clamped[31] = (clamped[31]! & 127) | 64;
  const scalar = fromLittleEndian(clamped) % ORDER;
  const publicKey = Point.BASE.multiply(scalar).toBytes();
  const isNegative = (publicKey[31]! & 0x80) !== 0;
  publicKey[31]! &= 0x7f;
  return { scalar: isNegative ? ORDER - scalar : scalar, publicKey };
}

/** The Ed25519 public key with sign 0 on the same point: y = (u - 1) / (u + 1). Undefined where there is none. */
function edwardsOf(agreementKey: Uint8Array): Uint8Array | undefined {
  const u = fromLittleEndian(agreementKey);
  // A second way to write a key would be a second key to whoever compares bytes.
  if (u >= PRIME || u === PRIME - 1n) return undefined;
  return toLittleEndian(((u + PRIME - 1n) * inverse(u + 1n)) % PRIME);
}

function scalarOf(...parts: readonly Uint8Array[]): bigint {
  return (
    fromLittleEndian(
      createHash("sha512")
        .update(concatBytes(...parts))
        .digest(),
    ) % ORDER
  );
}

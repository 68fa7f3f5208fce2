import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { concatBytes, fromHex } from "@cluster-os/std";

// DER prefixes before the 32 raw key bytes (RFC 8410 sections 4 and 7).
export const PKCS8_ED25519 = fromHex("302e020100300506032b657004220420");
export const SPKI_ED25519 = fromHex("302a300506032b6570032100");
export const PKCS8_X25519 = fromHex("302e020100300506032b656e04220420");
export const SPKI_X25519 = fromHex("302a300506032b656e032100");

/** A key in node:crypto's form, from its raw bytes. */
export function privateKeyObjectOf(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(concatBytes(prefix, raw)), format: "der", type: "pkcs8" });
}

export function publicKeyObjectOf(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concatBytes(prefix, raw)), format: "der", type: "spki" });
}

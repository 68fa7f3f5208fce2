import { createPrivateKey, createPublicKey } from "node:crypto";

/** X25519's public key, by OpenSSL. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  // DER before the 32 raw bytes (RFC 8410 section 7).
  const prefix = Buffer.from("302e020100300506032b656e04220420", "hex");
  const key = createPrivateKey({ key: Buffer.concat([prefix, privateKey]), format: "der", type: "pkcs8" });
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
}

/** A private key for tests, the same for the same number. */
export function testKey(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(number);
  key[0] = (number * 8) & 248;
  key[31] = 64;
  return key;
}

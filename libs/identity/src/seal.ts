import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
  type KeyObject,
} from "node:crypto";
import { concatBytes, utf8, type Rng } from "@cluster-os/std";
import { agree, generateAgreementKey, type AgreementKey } from "./keys.ts";

/** Sealed bytes that do not open: another recipient, another purpose, or tampered with. */
export class SealError extends Error {
  override readonly name = "SealError";
}

const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** A 32-byte sub-key of `secret` for one purpose (HKDF-SHA256, RFC 5869). */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, utf8(purpose), 32));
}

/** A 32-byte secret key: as it is, or, for one that is used often, as {@link keptKey} gives it. */
export type SecretKey = Uint8Array | KeyObject;

/** The key in the form in which node:crypto uses it at a third of the price. */
export function keptKey(key: Uint8Array): SecretKey {
  return createSecretKey(key);
}

/** What shows to the other holder of a key that its holder said this: HMAC-SHA256 (RFC 2104), 32 bytes. */
export function authenticate(key: SecretKey, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(message).digest());
}

/** Whether `mac` is what {@link authenticate} makes; in the same time for every wrong one of its length. */
export function isAuthentic(key: SecretKey, message: Uint8Array, mac: Uint8Array): boolean {
  const expected = authenticate(key, message);
  return mac.length === expected.length && timingSafeEqual(mac, expected);
}

/** ChaCha20-Poly1305 (RFC 8439): ciphertext and 16-byte tag. The same key and nonce must never seal two messages. */
export function sealWithKey(
  key: SecretKey,
  nonce: Uint8Array,
  plain: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated, { plaintextLength: plain.length });
  return concatBytes(cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** The plain text, or a SealError. */
export function openWithKey(
  key: SecretKey,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  if (sealed.length < TAG_BYTES) throw new SealError("too short to be sealed");
  const text = sealed.subarray(0, sealed.length - TAG_BYTES);
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated, { plaintextLength: text.length });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return concatBytes(decipher.update(text), decipher.final());
  } catch (cause) {
    throw new SealError("does not open", { cause });
  }
}

/**
 * Seals `plain` to the holder of an X25519 key: 32 bytes of an ephemeral public key, then ChaCha20-Poly1305 under
 * HKDF(shared secret). `purpose` names what is inside, so that a box made for one use does not open for another. The
 * sender is not authenticated: what needs that is a signed record inside.
 */
export function sealTo(recipient: Uint8Array, plain: Uint8Array, purpose: string, rng: Rng): Uint8Array {
  const ephemeral = generateAgreementKey(rng);
  const key = boxKey(agree(ephemeral, recipient), ephemeral.publicKey, recipient, purpose);
  // The key is fresh for each box, so a fixed nonce is used once.
  return concatBytes(
    ephemeral.publicKey,
    sealWithKey(key, new Uint8Array(NONCE_BYTES), plain, utf8(purpose)),
  );
}

/** Opens what {@link sealTo} made for `own`, or throws a SealError. */
export function openSealed(own: AgreementKey, sealed: Uint8Array, purpose: string): Uint8Array {
  if (sealed.length < 32 + TAG_BYTES) throw new SealError("too short to be sealed");
  const ephemeral = sealed.subarray(0, 32);
  let secret: Uint8Array;
  try {
    secret = agree(own, ephemeral);
  } catch (cause) {
    throw new SealError("does not open", { cause });
  }
  const key = boxKey(secret, ephemeral, own.publicKey, purpose);
  return openWithKey(key, new Uint8Array(NONCE_BYTES), sealed.subarray(32), utf8(purpose));
}

function boxKey(
  secret: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  purpose: string,
): Uint8Array {
  return deriveKey(secret, concatBytes(ephemeral, recipient), `cluster-os/box/v1/${purpose}`);
}

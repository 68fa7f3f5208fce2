import crypto, { createPublicKey, type Hmac, type KeyObject } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/*
 * All machines of a history run in this process and nobody listens, so what costs most of a real node's time is replaced by
 * keyed checksums of the same sizes below node:crypto, where the cores do not see it: Ed25519 signatures,
 * ChaCha20-Poly1305, X25519, and HMACs under kept keys. A changed bit, another key, another nonce or another audience is refused as
 * ever; that nothing can be read or forged without the key is what the real ones are for, and the tests of identity. Keys, hashes and
 * all other HMACs are the real ones; sub-keys, which depend only on what they are derived from, are derived once.
 */

const SIGNATURE_BYTES = 64;
const TAG_BYTES = 16;
const SECRET_BYTES = 32;
const MAC_BYTES = 32;
const MAX_DERIVED = 200_000;
let isInstalled = false;

/** Replaces the dear parts of node:crypto in this process. Once is enough. */
export function quickenCrypto(): void {
  if (isInstalled) return;
  isInstalled = true;
  const { createHmac, hkdfSync } = crypto;
  // Nothing here is signed by any other kind of key.
  const quickSign = (_: null, message: Uint8Array, key: KeyObject): Buffer => signatureOf(key, message);
  const quickVerify = (_: null, message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean =>
    Buffer.compare(signature, signatureOf(key, message)) === 0;
  const makeChecksum = (_: string, key: Uint8Array | KeyObject, nonce: Uint8Array): Checksum =>
    new Checksum(key instanceof Uint8Array ? key : secretBytesOf(key), nonce);
  Object.assign(crypto, {
    sign: quickSign,
    verify: quickVerify,
    createCipheriv: makeChecksum,
    createDecipheriv: makeChecksum,
    // Members prove each message to each other under a kept key; nothing else is proven so often.
    createHmac: (digest: string, key: Uint8Array | KeyObject): Mac | Hmac =>
      key instanceof Uint8Array ? createHmac(digest, key) : new Mac(key),
    diffieHellman: agreed,
    hkdfSync: derivingOnce(hkdfSync),
  });
  // Named imports of a built-in module follow only when told to.
  syncBuiltinESMExports();
}

type Derive = (
  digest: string,
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
) => ArrayBuffer;

function derivingOnce(derive: Derive): Derive {
  const derived = new Map<string, ArrayBuffer>();
  return (digest, secret, salt, info, length) => {
    const name = [secret, salt, info].map((bytes) => Buffer.from(bytes).toString("latin1")).join("\0");
    const known = derived.get(name);
    if (known) return known;
    if (derived.size >= MAX_DERIVED) derived.clear();
    const made = derive(digest, secret, salt, info, length);
    derived.set(name, made);
    return made;
  };
}

/** In place of a cipher: the text stays as it is, and the tag depends on every bit that went in. */
class Checksum {
  readonly #state: Mix;
  #expected: Uint8Array | undefined;

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#state = new Mix();
    this.#state.add(key);
    this.#state.add(nonce);
  }

  setAAD(bytes: Uint8Array): this {
    this.#state.add(bytes);
    return this;
  }

  update(text: Uint8Array): Uint8Array {
    this.#state.add(text);
    return text;
  }

  final(): Uint8Array {
    if (this.#expected && Buffer.compare(this.#expected, this.getAuthTag()) !== 0)
      throw new Error("unable to authenticate data");
    return NOTHING;
  }

  getAuthTag(): Uint8Array {
    return this.#state.digest(TAG_BYTES);
  }

  setAuthTag(tag: Uint8Array): this {
    this.#expected = tag;
    return this;
  }
}

/** In place of an HMAC. */
class Mac {
  readonly #state = new Mix();

  constructor(key: KeyObject) {
    this.#state.add(secretBytesOf(key));
  }

  update(message: Uint8Array): this {
    this.#state.add(message);
    return this;
  }

  digest(): Uint8Array {
    return this.#state.digest(MAC_BYTES);
  }
}

const NOTHING = new Uint8Array(0);
const publicKeys = new WeakMap<KeyObject, Uint8Array>();

function signatureOf(key: KeyObject, message: Uint8Array): Buffer {
  const mix = new Mix();
  mix.add(publicBytesOf(key));
  mix.add(message);
  return mix.digest(SIGNATURE_BYTES);
}

/** The same for both of a pair, and for no other. */
function agreed({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Buffer {
  const mix = new Mix();
  for (const bytes of [privateKey, publicKey]
    .map(publicBytesOf)
    .sort((one, other) => Buffer.compare(one, other)))
    mix.add(bytes);
  return mix.digest(SECRET_BYTES);
}

const secrets = new WeakMap<KeyObject, Uint8Array>();

function secretBytesOf(key: KeyObject): Uint8Array {
  const known = secrets.get(key);
  if (known) return known;
  const bytes = key.export();
  secrets.set(key, bytes);
  return bytes;
}

function publicBytesOf(key: KeyObject): Uint8Array {
  const known = publicKeys.get(key);
  if (known) return known;
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const bytes = publicKey.export({ format: "der", type: "spki" });
  publicKeys.set(key, bytes);
  return bytes;
}

/** Two lanes of 32 bits over all that is added, each part with its length (the rounds of MurmurHash3). */
class Mix {
  #left = 0x9747b28c;
  #right = 0x1b873593;

  add(bytes: Uint8Array): void {
    let left = this.#left ^ bytes.length;
    let right = Math.imul(this.#right ^ bytes.length, 0x85ebca6b);
    const whole = bytes.length & ~3;
    for (let at = 0; at < whole; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      left = round(left, word, 0xcc9e2d51);
      right = round(right, word, 0x9e3779b1);
    }
    for (let at = whole; at < bytes.length; at += 1) {
      left = round(left, bytes[at]!, 0xcc9e2d51);
      right = round(right, bytes[at]!, 0x9e3779b1);
    }
    this.#left = left;
    this.#right = right;
  }

  digest(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at += 8) {
      bytes.writeInt32LE(finished(this.#left + at), at);
      bytes.writeInt32LE(finished(this.#right ^ at), at + 4);
    }
    return bytes;
  }
}

function round(hash: number, word: number, factor: number): number {
  const turned = Math.imul(word, factor);
  const mixed = hash ^ ((turned << 15) | (turned >>> 17));
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0x6546b64) | 0;
}

function finished(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}

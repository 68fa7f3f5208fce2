import crypto, { createPublicKey, type KeyObject } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/*
 * All machines of a history run in this process, so a signature that one of them made need not be worked out again by the
 * others: it is remembered for whom it was made, and over which bytes. What was not made here, or differs in a bit, is
 * verified as ever. Nothing is believed that would not be genuine; a history takes about a third less time.
 */

interface Signed {
  readonly publicKey: string;
  readonly message: Buffer;
}

const MAX_REMEMBERED = 20_000;
const remembered = new Map<string, Signed>();
const publicKeys = new WeakMap<KeyObject, string>();
let isInstalled = false;

/** Makes node:crypto remember the Ed25519 signatures of this process. Once is enough. */
export function shareSignatures(): void {
  if (isInstalled) return;
  isInstalled = true;
  const { sign, verify } = crypto;
  const isPlain = (algorithm: unknown, key: unknown): key is KeyObject =>
    algorithm === null && isKeyObject(key);
  crypto.sign = ((algorithm: unknown, message: Uint8Array, key: unknown, ...rest: unknown[]) => {
    const signature = Reflect.apply(sign, crypto, [algorithm, message, key, ...rest]) as Buffer;
    if (isPlain(algorithm, key))
      remember(signature, { publicKey: publicKeyOf(key), message: Buffer.from(message) });
    return signature;
  }) as typeof sign;
  crypto.verify = ((
    algorithm: unknown,
    message: Uint8Array,
    key: unknown,
    signature: Uint8Array,
    ...rest: unknown[]
  ) => {
    const known = isPlain(algorithm, key) ? remembered.get(nameOf(signature)) : undefined;
    const isSame =
      known?.publicKey === publicKeyOf(key as KeyObject) && Buffer.compare(known.message, message) === 0;
    return (
      isSame || (Reflect.apply(verify, crypto, [algorithm, message, key, signature, ...rest]) as boolean)
    );
  }) as typeof verify;
  // Named imports of a built-in module follow only when told to.
  syncBuiltinESMExports();
}

function remember(signature: Uint8Array, signed: Signed): void {
  const oldest = remembered.keys().next().value;
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  remembered.set(nameOf(signature), signed);
}

function nameOf(signature: Uint8Array): string {
  return Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString("latin1");
}

function publicKeyOf(key: KeyObject): string {
  const known = publicKeys.get(key);
  if (known !== undefined) return known;
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const name = publicKey.export({ format: "der", type: "spki" }).toString("latin1");
  publicKeys.set(key, name);
  return name;
}

function isKeyObject(key: unknown): key is KeyObject {
  return typeof key === "object" && key !== null && "asymmetricKeyType" in key;
}

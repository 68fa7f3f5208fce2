import { createHmac, timingSafeEqual } from "node:crypto";
import { deriveKey } from "@cluster-os/identity";
import { concatBytes, invariant, toHex } from "@cluster-os/std";

/** Of so many it is remembered that they hold the key; then all are to prove it again. */
const HOLDERS_LIMIT = 4_096;

/** A beacon's tag where there is no join key. */
const NO_TAG = new Uint8Array(8);

/**
 * What the join key is used for: a tag by which machines with the same key find each other, and message authentication
 * under sub-keys. The key itself never leaves the machine. Without a key nothing is authentic.
 */
export class JoinKey {
  /** 8 bytes, the same for all machines with this key; zeros without one. Says nothing about the key. */
  readonly tag: Uint8Array;
  /** The tag in hexadecimal digits: the name by which this key is retired. */
  readonly id: string;
  readonly isPresent: boolean;
  readonly #key: Uint8Array | undefined;
  readonly #macKeys = new Map<MacPurpose, Uint8Array>();
  /** Public keys of those who proved that they hold this key. */
  readonly #holders = new Set<string>();

  constructor(key: Uint8Array | undefined) {
    invariant(key === undefined || key.length === 32, "a join key has 32 bytes");
    this.#key = key;
    this.isPresent = key !== undefined;
    this.tag = key ? deriveKey(key, new Uint8Array(0), "cluster-os/beacon-tag").subarray(0, 8) : NO_TAG;
    this.id = toHex(this.tag);
  }

  /** HMAC-SHA256 of `parts`, for one purpose; undefined without a key. */
  mac(purpose: MacPurpose, ...parts: readonly Uint8Array[]): Uint8Array | undefined {
    if (!this.#key) return undefined;
    const known = this.#macKeys.get(purpose);
    const key = known ?? deriveKey(this.#key, new Uint8Array(0), `cluster-os/join-mac/${purpose}`);
    this.#macKeys.set(purpose, key);
    // Each part goes in with its length, so that no two lists of parts are the same bytes.
    const counted = parts.map((part) => concatBytes(lengthOf(part), part));
    return new Uint8Array(
      createHmac("sha256", key)
        .update(concatBytes(...counted))
        .digest(),
    );
  }

  /** Whether `mac` was made for these parts by a holder of the same key. Never without a key. */
  isMac(mac: Uint8Array | undefined, purpose: MacPurpose, ...parts: readonly Uint8Array[]): boolean {
    const expected = this.mac(purpose, ...parts);
    return expected !== undefined && mac?.length === expected.length && timingSafeEqual(mac, expected);
  }

  /**
   * Whether a machine, whose beacon's signature was found to be its own, holds this key: its MAC of the beacon proves that, once
   * and for all. Members beacon for as long as they live, and to encode one anew is most of the work of hearing it.
   */
  isHeldBy(publicKey: Uint8Array, mac: Uint8Array | undefined, encode: () => Uint8Array): boolean {
    const name = toHex(publicKey);
    if (this.#holders.has(name)) return true;
    if (!this.isMac(mac, "beacon", publicKey, encode())) return false;
    if (this.#holders.size >= HOLDERS_LIMIT) this.#holders.clear();
    this.#holders.add(name);
    return true;
  }
}

/** The ID of a join key: 16 hexadecimal digits that say nothing about it. */
export function joinKeyId(key: Uint8Array): string {
  return new JoinKey(key).id;
}

export type MacPurpose = "beacon" | "ballot" | "application" | "answer";

/** Whether a tag says that its sender has no join key. */
export function isKeylessTag(tag: Uint8Array): boolean {
  return tag.every((byte) => byte === 0);
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, part.length);
  return length;
}

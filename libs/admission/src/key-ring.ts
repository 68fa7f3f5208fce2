import { compareBytes, equalBytes } from "@cluster-os/std";
import type { OpenRecord } from "@cluster-os/identity";
import { AdmissionError } from "./errors.ts";
import type { Authority } from "./authority.ts";
import {
  openRingKey,
  ringKeyCheck,
  ringKeyVersion,
  type RingKey,
  type RingKeyPayload,
} from "./ring-key-record.ts";

/** The ID of the key that genesis makes; the only one without a record. */
export const GENESIS_RING_KEY_ID = 1;

/** Keys and records as they are stored and handed on. */
export interface RingContents {
  readonly keys: readonly RingKey[];
  readonly records: readonly Uint8Array[];
}

/**
 * The ring keys a node holds and what the authority says of them. It opens messages with any key, and seals with the
 * newest that is active; the key of genesis has no record and always was. Never changes; returns a new ring.
 */
export class KeyRing {
  readonly #authority: Authority;
  /** Oldest first. */
  readonly #keys: readonly RingKey[];
  /** Oldest first, one for each ID. */
  readonly #records: readonly OpenRecord<RingKeyPayload>[];

  /** Throws a RecordError or an AdmissionError for what the authority did not say, and for no key that seals. */
  constructor(authority: Authority, contents: RingContents) {
    this.#authority = authority;
    const records = contents.records.map((bytes) => openRingKey(bytes, authority)).sort(compareRecords);
    this.#records = records.filter(({ payload }, at) => records[at + 1]?.payload.id !== payload.id);
    const genuine = contents.keys.filter((key) => {
      const record = this.recordOf(key.id);
      return record ? this.#isKeyOf(record, key) : key.id === GENESIS_RING_KEY_ID;
    });
    this.#keys = [...new Map(genuine.map((key) => [key.id, key])).values()].sort((a, b) => a.id - b.id);
    if (!this.#keys.some((key) => this.#isActive(key)))
      throw new AdmissionError("none of the ring keys may seal messages");
  }

  /** As it is stored. */
  get contents(): RingContents {
    return { keys: this.#keys, records: this.#records.map(({ bytes }) => bytes) };
  }

  /** What seals. */
  get sealing(): RingKey {
    return this.#keys.findLast((key) => this.#isActive(key)) as RingKey;
  }

  /** All keys, that which seals last. */
  get sealingLast(): readonly RingKey[] {
    const { sealing } = this;
    return [...this.#keys.filter((key) => key !== sealing), sealing];
  }

  /** The ID of the newest key held. */
  get newestHeld(): number {
    return (this.#keys.at(-1) as RingKey).id;
  }

  /** The newest record known, whether its key is held or not; undefined before the first rotation. */
  get newestRecord(): OpenRecord<RingKeyPayload> | undefined {
    return this.#records.at(-1);
  }

  /** Whether a key is lacking that the authority has announced. */
  get isBehind(): boolean {
    const record = this.newestRecord;
    return record !== undefined && !this.holds(record.payload.id);
  }

  holds(id: number): boolean {
    return this.#keys.some((key) => key.id === id);
  }

  recordOf(id: number): OpenRecord<RingKeyPayload> | undefined {
    return this.#records.find(({ payload }) => payload.id === id);
  }

  /**
   * With keys that were handed, and records. A record that is not the authority's throws; a key of which there is no
   * record, or another one, is left out.
   */
  with({ keys = [], records = [] }: Partial<RingContents>): KeyRing {
    return new KeyRing(this.#authority, {
      keys: [...this.#keys, ...keys.filter(({ id }) => id !== GENESIS_RING_KEY_ID)],
      records: [...this.contents.records, ...records],
    });
  }

  /** Without the keys older than the one that seals. */
  retired(): KeyRing {
    const { id } = this.sealing;
    return new KeyRing(this.#authority, {
      keys: this.#keys.filter((key) => key.id >= id),
      records: this.#records.filter(({ payload }) => payload.id >= id).map(({ bytes }) => bytes),
    });
  }

  /** Whether there are keys that {@link retired} drops. */
  get hasOldKeys(): boolean {
    return this.#keys[0] !== this.sealing;
  }

  #isKeyOf({ payload }: OpenRecord<RingKeyPayload>, key: RingKey): boolean {
    return equalBytes(ringKeyCheck(key, this.#authority.clusterId), payload.check);
  }

  #isActive({ id }: RingKey): boolean {
    const record = this.recordOf(id);
    return record === undefined || record.payload.stage === "active";
  }
}

function compareRecords(left: OpenRecord<RingKeyPayload>, right: OpenRecord<RingKeyPayload>): number {
  return (
    ringKeyVersion(left.payload) - ringKeyVersion(right.payload) || compareBytes(left.bytes, right.bytes)
  );
}

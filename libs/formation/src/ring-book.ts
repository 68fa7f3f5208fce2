import {
  KeyRing,
  openRingKey,
  ringKeyVersion,
  type Authority,
  type RingContents,
} from "@cluster-os/admission";
import type { NodeStore } from "./state.ts";

/** This node's key ring, on disk before it is used. */
export class RingBook {
  readonly #authority: Authority;
  readonly #store: NodeStore;
  #ring: KeyRing;

  /** Throws an AdmissionError for a stored ring that cannot be used. */
  constructor(authority: Authority, store: NodeStore) {
    this.#authority = authority;
    this.#store = store;
    const { ringKeys, ringRecords } = store.state;
    this.#ring = new KeyRing(authority, { keys: ringKeys, records: ringRecords });
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  /** Learns the authority's record of a ring key and gives its version. Throws if it is not genuine. */
  learn(bytes: Uint8Array): number {
    const { payload } = openRingKey(bytes, this.#authority);
    if (payload.id >= this.#ring.sealing.id) this.take({ records: [bytes] });
    return ringKeyVersion(payload);
  }

  /** Keys that were handed or made here, with their records. Throws if a record is not genuine. */
  take(contents: Partial<RingContents>): void {
    this.#keep(this.#ring.with(contents));
  }

  /** Forgets the keys older than the one that seals. */
  retire(): void {
    this.#keep(this.#ring.retired());
  }

  #keep(ring: KeyRing): void {
    this.#ring = ring;
    const { keys, records } = ring.contents;
    this.#store.change({ ringKeys: [...keys], ringRecords: [...records] });
  }
}

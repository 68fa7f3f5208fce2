/**
 * What a pure function made of some bytes, for bytes that come again: gossip brings everything a dozen times. Bounded; what
 * was not asked for lately is forgotten.
 */
export class ByteMemo<Value> {
  readonly #limit: number;
  // Two generations: when the young one is full it becomes the old one, and what is asked for again moves back.
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** Keeps up to twice `limit` values. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value of `bytes`, made now unless it is remembered. What `make` throws is not remembered. */
  of(bytes: Uint8Array, make: (bytes: Uint8Array) => Value, kind = ""): Value {
    const name = kind + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const value = this.#old.get(name) ?? make(bytes);
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
    return value;
  }
}

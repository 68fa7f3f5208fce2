/** 4 bytes length, big-endian, then the message. */
const HEADER_BYTES = 4;
/** A manifest of some hundred thousand files, or some blocks. */
export const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;

export function frame(bytes: Uint8Array): readonly [Buffer, Uint8Array] {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(bytes.length);
  return [header, bytes];
}

/** Cuts a stream into messages. Throws a RangeError when one claims to be longer than any is. */
export class FrameReader {
  #parts: Buffer[] = [];
  #size = 0;

  /** The messages that are whole now. */
  push(part: Buffer): readonly Uint8Array[] {
    this.#parts.push(part);
    this.#size += part.length;
    const messages: Uint8Array[] = [];
    for (let message = this.#take(); message; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): Uint8Array | undefined {
    if (this.#size < HEADER_BYTES) return undefined;
    if ((this.#parts[0]?.length ?? 0) < HEADER_BYTES) this.#join();
    const length = (this.#parts[0] as Buffer).readUInt32BE();
    if (length > LARGEST_MESSAGE_BYTES) throw new RangeError(`a message of ${length} bytes`);
    if (this.#size < HEADER_BYTES + length) return undefined;
    const all = this.#join();
    this.#parts = all.length > HEADER_BYTES + length ? [all.subarray(HEADER_BYTES + length)] : [];
    this.#size -= HEADER_BYTES + length;
    return new Uint8Array(all.subarray(HEADER_BYTES, HEADER_BYTES + length));
  }

  #join(): Buffer {
    const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }
}

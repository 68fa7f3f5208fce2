import { decode, encode, rfc8949EncodeOptions } from "cborg";

/** Bytes that are not the one deterministic encoding this project writes. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

const ENCODING = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true };
const DECODING = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  rejectDuplicateMapKeys: true,
};

/**
 * Deterministic CBOR (RFC 8949 section 4.2.1): the same value is the same bytes on every machine, so a signature over
 * the bytes is a signature over the value. Keys whose value is undefined are left out.
 */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, ENCODING);
}

/** An array of items that are encoded already: the same bytes as `encodeCbor` of the array makes. */
export function encodeCborArray(items: readonly Uint8Array[]): Uint8Array {
  const joined = Buffer.concat([arrayHead(items.length), ...items]);
  return new Uint8Array(joined.buffer, joined.byteOffset, joined.length);
}

const ARRAY = 4 << 5;

/** Major type 4 with the length in as few bytes as it takes (RFC 8949 sections 3 and 4.2.1). */
function arrayHead(length: number): Uint8Array {
  const head = Uint8Array.from(encodeCbor(length));
  head[0] = (head[0] ?? 0) | ARRAY;
  return head;
}

/** The value in `bytes`. Refuses indefinite lengths, over-long numbers, repeated keys and trailing bytes. */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, DECODING);
  } catch (cause) {
    throw new CodecError("not deterministic CBOR", { cause });
  }
}

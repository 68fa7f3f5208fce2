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

/** The value in `bytes`. Refuses indefinite lengths, over-long numbers, repeated keys and trailing bytes. */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, DECODING);
  } catch (cause) {
    throw new CodecError("not deterministic CBOR", { cause });
  }
}

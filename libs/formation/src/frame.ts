import { concatBytes } from "@cluster-os/std";

/** First byte of every formation datagram; a signed record follows. Membership's sealed ones begin with 0x02. */
export const FORMATION_BYTE = 0x01;

export function frame(record: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(FORMATION_BYTE), record);
}

/** The record in a formation datagram; undefined for any other datagram. */
export function unframe(datagram: Uint8Array): Uint8Array | undefined {
  return datagram[0] === FORMATION_BYTE ? datagram.subarray(1) : undefined;
}

/** The type name in a record's clear header; undefined when there is none. It is checked again when the record is opened. */
export function recordName(record: Uint8Array): string | undefined {
  // A record is a CBOR array of five (0x85) that begins with a short text (0x60 + length).
  const length = (record[1] ?? 0) - 0x60;
  if (record[0] !== 0x85 || length < 0 || length > 23) return undefined;
  return Buffer.from(record.subarray(2, 2 + length)).toString("latin1");
}

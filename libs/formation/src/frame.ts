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

import { concatBytes, utf8 } from "@cluster-os/std";
import { NetlinkFormatError } from "./errors.ts";

/**
 * Netlink attributes: length, type, payload, padding to four bytes (linux/netlink.h, struct nlattr). Numbers are in the
 * machine's byte order, which is little-endian on every machine that this is built for.
 */
export interface Attribute {
  /** Without the flags "nested" and "network byte order". */
  readonly type: number;
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 4;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const MAX_BYTES = 0xffff;

export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = HEADER_BYTES + payload.length;
  if (length > MAX_BYTES) throw new RangeError(`an attribute of ${length} bytes cannot be written`);
  const bytes = new Uint8Array(aligned(length));
  const view = viewOf(bytes);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function u8(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value));
}

export function u16(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value & 0xff, value >> 8));
}

export function u32(type: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  viewOf(payload).setUint32(0, value, true);
  return attribute(type, payload);
}

/** A text with its end marked by a zero byte. */
export function text(type: number, value: string): Uint8Array {
  return attribute(type, utf8(`${value}\0`));
}

export function nested(type: number, ...entries: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NESTED, concatBytes(...entries));
}

/** Attributes in their order; payloads are parts of `bytes`. Throws a {@link NetlinkFormatError} where a length is wrong. */
export function readAttributes(bytes: Uint8Array): readonly Attribute[] {
  const view = viewOf(bytes);
  const attributes: Attribute[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length)
      throw new NetlinkFormatError(`an attribute of ${length} bytes where ${bytes.length - at} are left`);
    attributes.push({
      type: view.getUint16(at + 2, true) & TYPE_MASK,
      payload: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += aligned(length);
  }
  return attributes;
}

export function readU8(payload: Uint8Array): number {
  return sized(payload, 1).getUint8(0);
}

export function readU16(payload: Uint8Array): number {
  return sized(payload, 2).getUint16(0, true);
}

export function readU32(payload: Uint8Array): number {
  return sized(payload, 4).getUint32(0, true);
}

/** 64 bits as a number: exact up to 2^53, which is nine petabytes. */
export function readU64(payload: Uint8Array): number {
  return Number(sized(payload, 8).getBigUint64(0, true));
}

/** The text up to its zero byte, or to the end where there is none. */
export function readText(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  return Buffer.from(end < 0 ? payload : payload.subarray(0, end)).toString("utf8");
}

/** A view of a payload that has to be of this size, in bytes. */
export function sized(payload: Uint8Array, size: number): DataView {
  if (payload.length !== size)
    throw new NetlinkFormatError(`an attribute of ${payload.length} bytes where ${size} are due`);
  return viewOf(payload);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function aligned(length: number): number {
  return (length + 3) & ~3;
}

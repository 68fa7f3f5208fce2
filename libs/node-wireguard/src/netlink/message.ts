import { aligned, readAttributes, readText, viewOf } from "./attributes.ts";
import { NetlinkError, NetlinkFormatError } from "./errors.ts";

/** One message of a datagram (linux/netlink.h, struct nlmsghdr). */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** The request's number: its answers carry it too. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Message types of every netlink family. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3 } as const;

/** Flags of messages. */
export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  /** What is told changed while it was told. */
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  /** The refused request is cut off after its header. */
  CAPPED: 0x100,
  /** Attributes follow an error number. */
  ACK_TLVS: 0x200,
} as const;

export const HEADER_BYTES = 16;
const NLMSGERR_ATTR_MSG = 1;

export function encodeMessage({ type, flags, sequence, payload }: NetlinkMessage): Uint8Array {
  const length = HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(aligned(length));
  const view = viewOf(bytes);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** The messages of a datagram. Throws a {@link NetlinkFormatError} where a length is wrong. */
export function readMessages(datagram: Uint8Array): readonly NetlinkMessage[] {
  const view = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < datagram.length;) {
    const left = datagram.length - at;
    const length = left < HEADER_BYTES ? 0 : view.getUint32(at, true);
    if (length < HEADER_BYTES || length > left)
      throw new NetlinkFormatError(`a message of ${length} bytes where ${left} are left`);
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** What an ERROR or DONE message says: undefined for "it is done". */
export function readOutcome({ type, flags, payload }: NetlinkMessage): NetlinkError | undefined {
  if (payload.length < 4) throw new NetlinkFormatError("an answer without an error number");
  const errno = -viewOf(payload).getInt32(0, true);
  if (errno === 0) return undefined;
  if ((flags & NLM_F.ACK_TLVS) === 0) return new NetlinkError(errno);
  const words = readAttributes(payload.subarray(wordsAt(type, flags, payload)));
  const message = words.find((attribute) => attribute.type === NLMSGERR_ATTR_MSG);
  return new NetlinkError(errno, message && readText(message.payload));
}

/** Where the attributes begin: after the error number, and in an ERROR after the request that it refuses. */
function wordsAt(type: number, flags: number, payload: Uint8Array): number {
  if (type === NLMSG.DONE) return 4;
  if (payload.length < 4 + HEADER_BYTES) throw new NetlinkFormatError("an error without its request");
  const requestBytes = (flags & NLM_F.CAPPED) !== 0 ? HEADER_BYTES : viewOf(payload).getUint32(4, true);
  return 4 + aligned(Math.min(requestBytes, payload.length));
}

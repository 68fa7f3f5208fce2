import { encodeMessage, type Body } from "./message.ts";
import { SEALING_BYTES } from "./sealing.ts";

/** What CBOR puts before a byte string of up to 64 KiB, in bytes. */
export const NEWS_OVERHEAD_BYTES = 3;
// The list of news grows its own length field by up to two bytes.
const LIST_GROWTH_BYTES = 2;

/** How many bytes of news fit beside `body` in a sealed message of `messageBytes`. */
export function roomForNews(body: Body, messageBytes: number): number {
  const bare = encodeMessage({ body, news: [] }).length;
  return Math.max(0, messageBytes - SEALING_BYTES - bare - LIST_GROWTH_BYTES);
}

/** Splits news, in order, so that each part is at most `room` bytes; a piece that is larger gets a part of its own. */
export function splitNews(news: readonly Uint8Array[], room: number): readonly (readonly Uint8Array[])[] {
  const parts: Uint8Array[][] = [];
  let left = 0;
  for (const item of news) {
    const size = item.length + NEWS_OVERHEAD_BYTES;
    if (parts.length === 0 || size > left) {
      parts.push([]);
      left = room;
    }
    parts.at(-1)!.push(item);
    left -= size;
  }
  return parts;
}

import { isIPv4, isIPv6 } from "node:net";
import { viewOf } from "./netlink/attributes.ts";

/** IP addresses as text and as their 4 or 16 bytes. */

/** Undefined for anything that is no address. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const groups = groupsOf(canonicalV6(text));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** IPv6 as in RFC 5952. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const view = viewOf(bytes);
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(2 * at).toString(16));
  return canonicalV6(groups.join(":"));
}

/** The URL standard's host parser knows every way to write an IPv6 address, and one to print it. */
function canonicalV6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

function groupsOf(canonical: string): readonly number[] {
  const [before = [], after = []] = canonical
    .split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}

import { compareText } from "@cluster-os/std";
import type { Address } from "./member.ts";

const BRACKETED = /^\[([0-9a-fA-F:.]+)(?:%([^\]\s]+))?\]:([0-9]{1,5})$/;
const LINK_LOCAL = /^fe[89ab]/i;

/** The address as others may read it: without the zone, which is the name of one of this machine's interfaces. */
export function withoutZone(address: Address): Address {
  const [, host, zone, port] = BRACKETED.exec(address) ?? [];
  return zone === undefined ? address : `[${host}]:${port}`;
}

/**
 * An address that someone else gave, as it is reached from here: a link-local one gets the zone of the interface on
 * which its teller was heard. Undefined if it is link-local and the teller was not heard over a link, or if it is none.
 */
export function asHeardFrom(address: Address, teller: Address): Address | undefined {
  if (address === "" || address.length > 100 || /\s/.test(address)) return undefined;
  const [, host, , port] = BRACKETED.exec(address) ?? [];
  if (host === undefined || !LINK_LOCAL.test(host)) return withoutZone(address);
  const zone = BRACKETED.exec(teller)?.[2];
  return zone === undefined ? undefined : `[${host}%${zone}]:${port}`;
}

/**
 * Orders the addresses of one node, better first: link-local IPv6 (always there), other IPv6, IPv4; ties by text. Any
 * order would do, as long as two nodes that hear each other on several addresses do not answer each other's changes.
 */
export function compareAddresses(left: Address, right: Address): number {
  return rank(left) - rank(right) || compareText(left, right);
}

function rank(address: Address): number {
  const host = BRACKETED.exec(address)?.[1];
  if (host === undefined) return 2;
  return LINK_LOCAL.test(host) ? 0 : 1;
}

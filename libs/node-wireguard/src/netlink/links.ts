import { concatBytes } from "@cluster-os/std";
import { readAttributes, readText, text, viewOf } from "./attributes.ts";
import type { NetlinkConnection } from "./connection.ts";
import { ERRNO, NetlinkError, NetlinkFormatError } from "./errors.ts";

/** Network interfaces over rtnetlink (linux/rtnetlink.h, linux/if_link.h): as much as WireGuard needs. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** What it is, for example "wireguard"; absent for hardware. */
  readonly kind?: string;
}

/** How an interface is named in a request. */
export type LinkName = { readonly name: string } | { readonly index: number };

const RTM = { DELLINK: 17, GETLINK: 18 } as const;
const IFLA = { IFNAME: 3, LINKINFO: 18 } as const;
const IFLA_INFO_KIND = 1;
/** struct ifinfomsg: family, padding, type (16 bits), index, flags, change (32 bits each). */
const IFINFO_BYTES = 16;
const INDEX_AT = 4;

/** An interface; undefined if there is none. */
export async function findLink(connection: NetlinkConnection, link: LinkName): Promise<Link | undefined> {
  try {
    const [answer] = await connection.ask(RTM.GETLINK, linkPayload(link));
    return answer && readLink(answer);
  } catch (error) {
    if (isNoSuchDevice(error)) return undefined;
    throw error;
  }
}

export async function listLinks(connection: NetlinkConnection): Promise<readonly Link[]> {
  return (await connection.dump(RTM.GETLINK, linkPayload({ index: 0 }))).map(readLink);
}

/** Removes an interface; one that is gone meanwhile is no error. */
export async function removeLink(connection: NetlinkConnection, link: LinkName): Promise<void> {
  try {
    await connection.ask(RTM.DELLINK, linkPayload(link));
  } catch (error) {
    if (!isNoSuchDevice(error)) throw error;
  }
}

export function linkPayload(link: LinkName): Uint8Array {
  const header = new Uint8Array(IFINFO_BYTES);
  if ("name" in link) return concatBytes(header, text(IFLA.IFNAME, link.name));
  viewOf(header).setUint32(INDEX_AT, link.index, true);
  return header;
}

export function readLink(payload: Uint8Array): Link {
  if (payload.length < IFINFO_BYTES) throw new NetlinkFormatError("an interface without its header");
  const attributes = readAttributes(payload.subarray(IFINFO_BYTES));
  const name = attributes.find(({ type }) => type === IFLA.IFNAME);
  if (!name) throw new NetlinkFormatError("an interface without a name");
  const info = attributes.find(({ type }) => type === IFLA.LINKINFO);
  const kind = info && readAttributes(info.payload).find(({ type }) => type === IFLA_INFO_KIND);
  return {
    index: viewOf(payload).getUint32(INDEX_AT, true),
    name: readText(name.payload),
    ...(kind && { kind: readText(kind.payload) }),
  };
}

function isNoSuchDevice(error: unknown): boolean {
  return error instanceof NetlinkError && error.errno === ERRNO.ENODEV;
}

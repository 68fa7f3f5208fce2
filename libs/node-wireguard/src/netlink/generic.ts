import { concatBytes } from "@cluster-os/std";
import { readAttributes, readU16, text } from "./attributes.ts";
import type { NetlinkConnection } from "./connection.ts";
import { ERRNO, NetlinkError, NetlinkFormatError } from "./errors.ts";

/** Generic netlink (linux/genetlink.h): families have names, and numbers that the kernel gives them when they come. */

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const GENL_HEADER_BYTES = 4;

/** A payload with its header: command, version of the family's protocol, two reserved bytes. */
export function genericPayload(
  command: number,
  version: number,
  ...attributes: readonly Uint8Array[]
): Uint8Array {
  return concatBytes(Uint8Array.of(command, version, 0, 0), ...attributes);
}

/** The attributes after that header. */
export function genericAttributes(payload: Uint8Array): Uint8Array {
  if (payload.length < GENL_HEADER_BYTES)
    throw new NetlinkFormatError("a generic message without its header");
  return payload.subarray(GENL_HEADER_BYTES);
}

/**
 * The number of a family; undefined if the kernel has none of that name. Asking makes the kernel load the module that has
 * it, if there is one.
 */
export async function resolveFamily(
  connection: NetlinkConnection,
  name: string,
): Promise<number | undefined> {
  const request = genericPayload(CTRL_CMD_GETFAMILY, 1, text(CTRL_ATTR_FAMILY_NAME, name));
  try {
    const [answer] = await connection.ask(GENL_ID_CTRL, request);
    const attributes = readAttributes(genericAttributes(answer ?? new Uint8Array()));
    const id = attributes.find(({ type }) => type === CTRL_ATTR_FAMILY_ID);
    if (!id) throw new NetlinkFormatError(`the kernel gave no number for ${name}`);
    return readU16(id.payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}

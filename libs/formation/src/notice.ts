import {
  nodeIdOf,
  openRecord,
  signRecord,
  type Identity,
  type NodeId,
  type RecordType,
} from "@cluster-os/identity";
import { z } from "zod";
import { Bytes } from "./fields.ts";

/**
 * "You are a member no longer": a revocation record, by a member to the revoked node itself. Nobody gossips with a revoked
 * node, and it may have been off or away when it was revoked. In clear, since it has no ring key that others still use.
 */
const Notice = z.object({ revocation: Bytes });
type Notice = z.infer<typeof Notice>;

const NOTICE: RecordType<Notice> = { name: "notice", version: 1, payload: Notice };

export function signNotice(revocation: Uint8Array, identity: Identity): Uint8Array {
  return signRecord(NOTICE, { revocation }, identity);
}

/** The revocation, unverified, and who passed it on. Throws a RecordError when the notice is not genuine. */
export function openNotice(bytes: Uint8Array): { readonly revocation: Uint8Array; readonly from: NodeId } {
  const { payload, signer } = openRecord(NOTICE, bytes);
  return { revocation: payload.revocation, from: nodeIdOf(signer) };
}

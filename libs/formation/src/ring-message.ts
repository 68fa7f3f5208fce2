import { RingKeyId } from "@cluster-os/admission";
import {
  NodeId,
  nodeIdOf,
  openRecord,
  signRecord,
  type Identity,
  type RecordType,
} from "@cluster-os/identity";
import { z } from "zod";
import { Bytes, bytesOf } from "./fields.ts";

/**
 * "I am a member, and lack a ring key." In clear, since what seals messages is what is lacking; signed by the member, so
 * that the admission it shows is its own. A copy of it gains nobody anything: the answer opens for that member alone.
 */
export const RingRequest = z.object({
  clusterId: z.string().max(64),
  /** Whom it is for: nobody else answers it. */
  to: NodeId,
  /** The answer is sealed to this key. */
  sealingKey: bytesOf(32),
  /** The newest key that the sender holds. */
  newest: RingKeyId,
  /** The sender's admission record; absent for a founder. */
  admission: Bytes.optional(),
});
export type RingRequest = z.infer<typeof RingRequest>;

const REQUEST: RecordType<RingRequest> = { name: "ring-request", version: 1, payload: RingRequest };
const HANDING: RecordType<{ box: Uint8Array }> = {
  name: "ring-handing",
  version: 1,
  payload: z.object({ box: Bytes }),
};

export function signRingRequest(request: RingRequest, identity: Identity): Uint8Array {
  return signRecord(REQUEST, request, identity);
}

/** Throws a RecordError. */
export function openRingRequest(bytes: Uint8Array): RingRequest & { readonly nodeId: NodeId } {
  const { payload, signer } = openRecord(REQUEST, bytes);
  return { ...payload, nodeId: nodeIdOf(signer) };
}

/** A box of `handRingKeys`, on its way. */
export function signRingHanding(box: Uint8Array, identity: Identity): Uint8Array {
  return signRecord(HANDING, { box }, identity);
}

/** Throws a RecordError. The keys are believed for the authority's records, not for who handed them. */
export function openRingHanding(bytes: Uint8Array): { readonly box: Uint8Array; readonly from: NodeId } {
  const { payload, signer } = openRecord(HANDING, bytes);
  return { box: payload.box, from: nodeIdOf(signer) };
}

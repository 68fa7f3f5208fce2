import {
  deriveKey,
  signRecord,
  type OpenRecord,
  type RecordType,
  type SigningKey,
} from "@cluster-os/identity";
import { invariant, randomInteger, utf8, type Rng } from "@cluster-os/std";
import { z } from "zod";
import { Bytes32, ClusterId, UnixMs } from "./fields.ts";
import { openFor, type Authority } from "./authority.ts";

/** 1 to 2^32 - 1: it fills four bytes of each message's header. */
export const RingKeyId = z.int().min(1).max(0xffff_ffff);

/** A key that seals gossip. A higher ID is newer. */
export const RingKey = z.object({ id: RingKeyId, key: Bytes32 });
export type RingKey = z.infer<typeof RingKey>;

/**
 * The authority's word on a ring key made at a rotation. It travels openly: `check` follows from the key and tells nothing
 * of it, so whoever is handed the key, by whomever, knows whether it is the right one.
 */
export const RingKeyPayload = z.object({
  clusterId: ClusterId,
  id: RingKeyId,
  check: Bytes32,
  /** `staged`: members get it, and open with it. `active`: they seal with it, too. */
  stage: z.enum(["staged", "active"]),
  /** How many revocations its maker knew. It was handed to none of those nodes; later ones need a newer key. */
  revocations: z.int().min(0),
  /** The same in both stages. */
  madeAt: UnixMs,
});
export type RingKeyPayload = z.infer<typeof RingKeyPayload>;

const RING_KEY: RecordType<RingKeyPayload> = { name: "ring-key", version: 1, payload: RingKeyPayload };

export function signRingKey(payload: RingKeyPayload, authority: SigningKey): Uint8Array {
  return signRecord(RING_KEY, payload, authority);
}

/** Throws a RecordError or an AdmissionError. */
export function openRingKey(bytes: Uint8Array, authority: Authority): OpenRecord<RingKeyPayload> {
  return openFor(RING_KEY, bytes, authority);
}

/** What a record says of a key: a one-way function of it (HKDF-SHA256), bound to cluster and ID. */
export function ringKeyCheck({ id, key }: RingKey, clusterId: string): Uint8Array {
  return deriveKey(key, utf8(clusterId), `cluster-os/ring-key-check/v1/${id}`);
}

/** Of two records the one with the higher version counts: newer keys above older ones, active above staged. */
export function ringKeyVersion({ id, stage }: Pick<RingKeyPayload, "id" | "stage">): number {
  return 2 * id + (stage === "active" ? 1 : 0);
}

/** IDs of one rotation: two servers that rotate without knowing of each other rarely choose the same one. */
const IDS_PER_ROTATION = 256;

/** Which rotation an ID belongs to, for people: the key of genesis is 1. */
export function ringKeyNumber(id: number): number {
  return Math.floor(id / IDS_PER_ROTATION) + 1;
}

/** An ID for the key after `newest`. */
export function nextRingKeyId(newest: number, rng: Rng): number {
  const id = ringKeyNumber(newest) * IDS_PER_ROTATION + randomInteger(rng, IDS_PER_ROTATION);
  invariant(id <= 0xffff_ffff, "sixteen million rotations are enough");
  return id;
}

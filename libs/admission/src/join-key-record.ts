import { signRecord, type OpenRecord, type RecordType, type SigningKey } from "@cluster-os/identity";
import { z } from "zod";
import { Bytes32, ClusterId, JoinKeyId, UnixMs } from "./fields.ts";
import { openFor, type Authority } from "./authority.ts";

/**
 * The join key that sticks are made with from now on, so that every member knows its holders. The only statement that is
 * secret: it travels sealed by the ring key, among members, who each have a join key of their own on their sticks.
 */
export const JoinKeyPayload = z.object({
  clusterId: ClusterId,
  /** Counts the rotations: of two records the one with the higher sequence is in force. */
  sequence: z.int().min(1),
  key: Bytes32,
  /** IDs of all keys before it, which admit nobody unattended any more. */
  retired: z.array(JoinKeyId).max(256),
  /** As etcd has it, so that all who sign this decision sign the same bytes. */
  createdAt: UnixMs,
});
export type JoinKeyPayload = z.infer<typeof JoinKeyPayload>;

/** What etcd decided, which the record carries. */
export type JoinKeyDecision = Omit<JoinKeyPayload, "clusterId" | "retired"> & {
  readonly retired: readonly string[];
};

const JOIN_KEY: RecordType<JoinKeyPayload> = { name: "join-key", version: 1, payload: JoinKeyPayload };

export function signJoinKey(payload: JoinKeyPayload, authority: SigningKey): Uint8Array {
  return signRecord(JOIN_KEY, payload, authority);
}

/** Throws a RecordError or an AdmissionError. */
export function openJoinKey(bytes: Uint8Array, authority: Authority): OpenRecord<JoinKeyPayload> {
  return openFor(JOIN_KEY, bytes, authority);
}

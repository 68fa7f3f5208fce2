import { NodeId, signRecord, type OpenRecord, type RecordType, type SigningKey } from "@cluster-os/identity";
import { z } from "zod";
import { ClusterId, UnixMs } from "./fields.ts";
import { openFor, type Authority } from "./authority.ts";

/**
 * Who runs the control plane from now on. Decided in etcd, and only then signed: the record carries the decision to
 * machines that cannot ask etcd, above all to the one that was a server and returns.
 */
export const RolesPayload = z.object({
  clusterId: ClusterId,
  /** Counts the decisions: of two records the one with the higher epoch is in force. 0 is what was established. */
  epoch: z.int().min(1),
  servers: z
    .array(NodeId)
    .min(1)
    .max(9)
    .refine((servers) => new Set(servers).size === servers.length, "a server is listed once"),
  /** As etcd has it, so that all who sign this decision sign the same bytes. */
  decidedAt: UnixMs,
});
export type RolesPayload = z.infer<typeof RolesPayload>;

/** What etcd decided, which the record carries. */
export type RolesDecision = Omit<RolesPayload, "clusterId" | "servers"> & {
  readonly servers: readonly NodeId[];
};

/**
 * Epochs of one restore generation: after a recovery they go on in the next one, above whatever servers that are thought
 * lost may still decide among themselves.
 */
export const EPOCHS_PER_GENERATION = 1_000_000;

/** The restore generation an epoch of the roles belongs to: how often the control plane was recovered before it. */
export function generationOf(epoch: number): number {
  return Math.floor(epoch / EPOCHS_PER_GENERATION);
}

/** The first epoch of the restore generation after that of `epoch`. */
export function nextGeneration(epoch: number): number {
  return (generationOf(epoch) + 1) * EPOCHS_PER_GENERATION;
}

const ROLES: RecordType<RolesPayload> = { name: "roles", version: 1, payload: RolesPayload };

export function signRoles(payload: RolesPayload, authority: SigningKey): Uint8Array {
  return signRecord(ROLES, payload, authority);
}

/** Throws a RecordError or an AdmissionError. */
export function openRoles(bytes: Uint8Array, authority: Authority): OpenRecord<RolesPayload> {
  return openFor(ROLES, bytes, authority);
}

import {
  isSafePublicKey,
  NodeId,
  publicKeyOf,
  signRecord,
  type OpenRecord,
  type RecordType,
  type SigningKey,
} from "@cluster-os/identity";
import { z } from "zod";
import { openFor, type Authority } from "./authority.ts";
import { AdmissionError } from "./errors.ts";
import { ClusterId, JoinKeyId, NodeIndex, UnixMs } from "./fields.ts";

/** This node is a member under this index. */
export const AdmissionPayload = z.object({
  clusterId: ClusterId,
  nodeId: NodeId,
  index: NodeIndex,
  admittedAt: UnixMs,
});
export type AdmissionPayload = z.infer<typeof AdmissionPayload>;

/** This node is a member no longer, and its key never will be again. */
export const RevocationPayload = z.object({
  clusterId: ClusterId,
  nodeId: NodeId,
  revokedAt: UnixMs,
  /** The join keys that the node knew: from now on nobody is admitted unattended by one of them. */
  retiredJoinKeys: z.array(JoinKeyId).max(16),
});
export type RevocationPayload = z.infer<typeof RevocationPayload>;

/** A majority of the servers joined the Kubernetes that `initialiser` began under `epoch`: that is the cluster's. */
export const EstablishedPayload = z.object({
  clusterId: ClusterId,
  epoch: z.int().min(0),
  initialiser: NodeId,
  /** The serving founders, in the genesis record's order. */
  servers: z.array(NodeId).min(1),
});
export type EstablishedPayload = z.infer<typeof EstablishedPayload>;

const ADMISSION: RecordType<AdmissionPayload> = { name: "admission", version: 1, payload: AdmissionPayload };
const REVOCATION: RecordType<RevocationPayload> = {
  name: "revocation",
  version: 1,
  payload: RevocationPayload,
};
const ESTABLISHED: RecordType<EstablishedPayload> = {
  name: "established",
  version: 1,
  payload: EstablishedPayload,
};

export function signAdmission(payload: AdmissionPayload, authority: SigningKey): Uint8Array {
  refuseUnsafeKey(payload.nodeId);
  return signRecord(ADMISSION, payload, authority);
}

/** Throws a RecordError or an AdmissionError; so do the others. */
export function openAdmission(bytes: Uint8Array, authority: Authority): OpenRecord<AdmissionPayload> {
  const record = openFor(ADMISSION, bytes, authority);
  refuseUnsafeKey(record.payload.nodeId);
  return record;
}

export function signRevocation(payload: RevocationPayload, authority: SigningKey): Uint8Array {
  return signRecord(REVOCATION, payload, authority);
}

export function openRevocation(bytes: Uint8Array, authority: Authority): OpenRecord<RevocationPayload> {
  return openFor(REVOCATION, bytes, authority);
}

export function signEstablished(payload: EstablishedPayload, authority: SigningKey): Uint8Array {
  return signRecord(ESTABLISHED, payload, authority);
}

export function openEstablished(bytes: Uint8Array, authority: Authority): OpenRecord<EstablishedPayload> {
  return openFor(ESTABLISHED, bytes, authority);
}

/** A key of small order would let anyone sign as that node. */
function refuseUnsafeKey(nodeId: NodeId): void {
  if (!isSafePublicKey(publicKeyOf(nodeId))) {
    throw new AdmissionError(`the key of ${nodeId} is of small order or no key at all: it is not admitted`);
  }
}

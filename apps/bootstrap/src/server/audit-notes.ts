import type { AdmissionPayload, GenesisPayload, JoinKeyDecision } from "@cluster-os/admission";
import type { Revocation } from "@cluster-os/api";
import { joinKeyId, type RingKeyStatus } from "@cluster-os/formation";
import type { NodeId } from "@cluster-os/identity";
import type { AuditNote } from "./audit-log.ts";

/** What is known of all that was ever decided about members and keys. */
export interface Decided {
  readonly genesis: Pick<GenesisPayload, "createdAt" | "founders" | "servers">;
  readonly admissions: readonly AdmissionPayload[];
  readonly revocations: readonly Revocation[];
  readonly joinKeys: readonly JoinKeyDecision[];
  readonly ringKey: RingKeyStatus | undefined;
}

const BY = "a server";

/** Pure: all of it as the log is to have it, in the order in which it happened. */
export function auditNotes(decided: Decided): readonly AuditNote[] {
  const { createdAt, founders, servers } = decided.genesis;
  const founding: AuditNote = {
    event: { kind: "genesis", founders: founders.map(({ nodeId }) => nodeId), servers: [...servers] },
    at: createdAt,
    by: "the founders",
  };
  const later = [
    ...decided.admissions.map(ofAdmission),
    ...decided.revocations.map(ofRevocation),
    ...decided.joinKeys.map(ofJoinKey),
    ...ofRingKey(decided.ringKey),
  ];
  return [founding, ...later.sort((left, right) => left.at - right.at)];
}

function ofAdmission({ nodeId, index, admittedAt }: AdmissionPayload): AuditNote {
  return { event: { kind: "admission", nodeId, index }, at: admittedAt, by: BY };
}

function ofRevocation({ nodeId, wasServer, revokedAt, decidedBy }: Revocation): AuditNote {
  const event = { kind: "revocation", nodeId: nodeId as NodeId, wasServer } as const;
  return { event, at: revokedAt, by: decidedBy.slice(0, 200) };
}

function ofJoinKey({ sequence, key, createdAt }: JoinKeyDecision): AuditNote {
  return { event: { kind: "join-key", sequence, id: joinKeyId(key) }, at: createdAt, by: BY };
}

/** None before members seal with it: a key that is handed out may yet be overtaken by another. */
function ofRingKey(status: RingKeyStatus | undefined): readonly AuditNote[] {
  if (status?.madeAt === undefined || status.stage !== "active") return [];
  return [{ event: { kind: "ring-key", id: status.newest }, at: status.madeAt, by: BY }];
}

import { createHash } from "node:crypto";
import {
  CodecError,
  NodeId,
  RecordError,
  signRecord,
  type OpenRecord,
  type RecordType,
  type SigningKey,
} from "@cluster-os/identity";
import { equalBytes } from "@cluster-os/std";
import { z } from "zod";
import { AdmissionError } from "./errors.ts";
import { Bytes32, ClusterId, JoinKeyId, NodeIndex, UnixMs } from "./fields.ts";
import type { Genesis } from "./genesis.ts";
import { openFor, type Authority } from "./authority.ts";

/** The roles in force when it happened, or from then on. */
const RolesEpoch = z.int().min(0);

/** A longer cause has to be cut. */
export const CAUSE_MAX_LENGTH = 400;

/** Something that was decided about who is in the cluster, or by which keys. */
export const AuditEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("genesis"), founders: z.array(NodeId), servers: z.array(NodeId) }),
  z.object({ kind: z.literal("admission"), nodeId: NodeId, index: NodeIndex }),
  z.object({ kind: z.literal("revocation"), nodeId: NodeId, wasServer: z.boolean() }),
  z.object({
    kind: z.literal("roles"),
    epoch: RolesEpoch,
    servers: z.array(NodeId),
    /** What was decided and why, in words. */
    cause: z.string().max(CAUSE_MAX_LENGTH).optional(),
  }),
  /** A server handed the authority key to a machine that becomes one. */
  z.object({ kind: z.literal("authority"), nodeId: NodeId, epoch: RolesEpoch }),
  /** A server let another one become a worker, or put away the remains of its time as a server. */
  z.object({
    kind: z.literal("step-down"),
    nodeId: NodeId,
    epoch: RolesEpoch,
    wish: z.enum(["demote", "set-aside"]),
  }),
  /** A machine that serves no more and does not answer is taken out of etcd and Kubernetes. */
  z.object({ kind: z.literal("removal"), name: z.string().max(63), epoch: RolesEpoch }),
  /** A server made its certificates of Kubernetes and etcd anew. */
  z.object({ kind: z.literal("renewal"), nodeId: NodeId, at: UnixMs }),
  /** A machine was brought to another Kubernetes. */
  z.object({ kind: z.literal("upgrade"), nodeId: NodeId, version: z.string().max(40) }),
  z.object({ kind: z.literal("join-key"), sequence: z.int().min(1), id: JoinKeyId }),
  z.object({ kind: z.literal("ring-key"), id: z.int().min(1) }),
]);
export type AuditEvent = z.infer<typeof AuditEvent>;

/** One line of the log. Each holds the hash of the one before it, so that none can be taken out or changed unnoticed. */
export const AuditPayload = z.object({
  clusterId: ClusterId,
  /** From 1, without gaps. */
  sequence: z.int().min(1),
  /** SHA-256 of the entry before this one, as it is signed; of the genesis record, for the first. */
  previous: Bytes32,
  /** When it was decided, as far as is known. */
  at: UnixMs,
  /** Who wrote the entry, and at whose request, in words. */
  by: z.string().max(200),
  event: AuditEvent,
});
export type AuditPayload = z.infer<typeof AuditPayload>;

const AUDIT: RecordType<AuditPayload> = { name: "audit", version: 1, payload: AuditPayload };

export function signAuditEntry(payload: AuditPayload, authority: SigningKey): Uint8Array {
  return signRecord(AUDIT, payload, authority);
}

/** Throws a RecordError or an AdmissionError. */
export function openAuditEntry(bytes: Uint8Array, authority: Authority): OpenRecord<AuditPayload> {
  return openFor(AUDIT, bytes, authority);
}

/** What the next entry names as the one before it. */
export function auditHash(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** What makes two entries tell of the same: of each there is one in the log. */
export function auditSubject(event: AuditEvent): string {
  switch (event.kind) {
    case "genesis":
      return event.kind;
    case "admission":
    case "revocation":
      return `${event.kind} ${event.nodeId}`;
    case "roles":
      return `${event.kind} ${event.epoch}`;
    case "authority":
      return `${event.kind} ${event.nodeId} ${event.epoch}`;
    case "step-down":
      return `${event.kind} ${event.nodeId} ${event.epoch} ${event.wish}`;
    case "removal":
      return `${event.kind} ${event.name} ${event.epoch}`;
    case "renewal":
      return `${event.kind} ${event.nodeId} ${event.at}`;
    case "upgrade":
      return `${event.kind} ${event.nodeId} ${event.version}`;
    case "join-key":
      return `${event.kind} ${event.sequence}`;
    case "ring-key":
      return `${event.kind} ${event.id}`;
    default:
      return event satisfies never;
  }
}

/** What an examination of the log found. */
export type AuditVerdict =
  | { readonly isWhole: true; readonly entries: readonly AuditPayload[] }
  /** `brokenAt`: the sequence of the first entry that is not as it must be, or is missing. */
  | {
      readonly isWhole: false;
      readonly entries: readonly AuditPayload[];
      readonly brokenAt: number;
      readonly reason: string;
    };

/**
 * Goes through a log from its beginning. `entries[0]` is to be entry 1; undefined is one that is missing. `head` is the newest
 * entry that gossip knows: a log that ends before it was cut off.
 */
export function verifyAudit(
  genesis: Genesis,
  entries: readonly (Uint8Array | undefined)[],
  head?: Uint8Array,
): AuditVerdict {
  const authority = { clusterId: genesis.clusterId, authorityKey: genesis.payload.authorityKey };
  const read: AuditPayload[] = [];
  const broken = (reason: string): AuditVerdict => ({
    isWhole: false,
    entries: read,
    brokenAt: read.length + 1,
    reason,
  });
  let previous = genesis.bytes;
  for (const bytes of entries) {
    if (!bytes) return broken("it is missing");
    const payload = open(bytes, authority);
    if (typeof payload === "string") return broken(payload);
    if (payload.sequence !== read.length + 1) return broken(`it says that it is entry ${payload.sequence}`);
    if (!equalBytes(payload.previous, auditHash(previous)))
      return broken("it follows another entry than the one before it");
    read.push(payload);
    previous = bytes;
  }
  return beyond(head, authority, entries, read, broken);
}

function beyond(
  head: Uint8Array | undefined,
  authority: Authority,
  entries: readonly (Uint8Array | undefined)[],
  read: readonly AuditPayload[],
  broken: (reason: string) => AuditVerdict,
): AuditVerdict {
  const newest = head && open(head, authority);
  if (head && newest !== undefined && typeof newest !== "string") {
    const held = entries[newest.sequence - 1];
    if (!held) return broken(`the log ends here, but the members know of entry ${newest.sequence}`);
    if (!equalBytes(held, head)) {
      const reason = "the members know another entry of this number";
      return {
        isWhole: false,
        entries: read.slice(0, newest.sequence - 1),
        brokenAt: newest.sequence,
        reason,
      };
    }
  }
  return { isWhole: true, entries: read };
}

function open(bytes: Uint8Array, authority: Authority): AuditPayload | string {
  try {
    return openAuditEntry(bytes, authority).payload;
  } catch (error) {
    const isRefusal = [RecordError, CodecError, AdmissionError].some((type) => error instanceof type);
    if (!isRefusal) throw error;
    return `it is not genuine: ${(error as Error).message}`;
  }
}

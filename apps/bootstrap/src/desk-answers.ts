import type { JoinKeyList, PendingNodeEntry, Revocation, RevokeAnswer } from "@cluster-os/api";
import { AUDIT_HEAD_KEY, joinKeyId, type NodeProtocol } from "@cluster-os/formation";
import { fromBase64, toBase64, type Clock } from "@cluster-os/std";
import type { LocalApiAnswers } from "./local-api.ts";
import type { PendingNode } from "./server/applicants.ts";
import type { Desk } from "./server/desk.ts";

export interface DeskAnswersOptions {
  /** Throws a PeerApiError where this machine is no server that answers. */
  readonly desk: () => Desk;
  readonly protocol: NodeProtocol;
  /** The join key of the given file, in base64. */
  readonly given: string | undefined;
  /** In whose name people decide here. */
  readonly decidedBy: string;
  /** Something was decided that the server that leads acts on. */
  readonly changed: () => void;
  readonly clock: Clock;
}

/** What the local API answers about who may be in the cluster. */
export function deskAnswers(
  options: DeskAnswersOptions,
): Pick<LocalApiAnswers, "revoke" | "pending" | "approve" | "joinKeys" | "rotateJoinKey" | "audit"> {
  const { desk, protocol, given, decidedBy, changed, clock } = options;
  const joinKeys = (): JoinKeyList => {
    const inForce = protocol.joinKeyInForce?.key;
    const keys = [...(inForce ? [toBase64(inForce)] : []), ...(given === undefined ? [] : [given])];
    return [...new Set(keys)].map((joinKey) => {
      const id = joinKeyId(fromBase64(joinKey));
      return { id, joinKey, isRetired: protocol.isRetired(id), isGiven: joinKey === given };
    });
  };
  return {
    revoke: async ({ node }) =>
      revokeAnswer(await desk().revocations.revoke(node, decidedBy, clock.wallTime())),
    pending: async () => (await desk().applicants.list()).map(pendingEntry),
    approve: async ({ node }) => {
      const approved = await desk().applicants.approve(node, clock.wallTime());
      changed();
      return pendingEntry(approved);
    },
    joinKeys: () => Promise.resolve(joinKeys()),
    rotateJoinKey: async () => {
      await desk().joinKey.rotate(clock.wallTime());
      changed();
      return joinKeys();
    },
    audit: async () => {
      const { genesis, entries } = await desk().audit();
      const head = protocol.facts().get(AUDIT_HEAD_KEY)?.bytes;
      return {
        genesis: toBase64(genesis.bytes),
        entries: entries.map((entry) => (entry ? toBase64(entry) : null)),
        ...(head && { head: toBase64(head) }),
      };
    },
  };
}

function pendingEntry({ name, nodeId, appliedAt, isApproved }: PendingNode): PendingNodeEntry {
  return { name, nodeId, appliedAt, isApproved };
}

function revokeAnswer({ nodeName: name, nodeId, revokedAt, ...rest }: Revocation): RevokeAnswer {
  const { wasServer, retiredJoinKeys } = rest;
  return {
    name,
    nodeId,
    revokedAt: new Date(revokedAt).toISOString(),
    wasServer,
    retiredJoinKeys: [...retiredJoinKeys],
  };
}

import type { NodeId } from "@cluster-os/identity";
import {
  openAdmission,
  openAuditEntry,
  openEstablished,
  openRevocation,
  Roster,
  type Authority,
  type EstablishedPayload,
  type Genesis,
} from "@cluster-os/admission";
import { equalBytes, type Instant } from "@cluster-os/std";
import { RolesBook, ROLES_KEY } from "./roles-book.ts";
import { JOIN_KEY_KEY, JoinKeyBook } from "./join-key-book.ts";
import { RingBook } from "./ring-book.ts";
import type { NodeStore } from "./state.ts";

/** A signed statement of the cluster under the key by which it is gossiped. */
export interface Statement {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Of statements that never have a second version. */
const ONLY_VERSION = 1;

/** The cluster's signed statements: verified as they come in, remembered, and gathered into the roster. */
export class Ledger {
  readonly genesis: Genesis;
  readonly roster: Roster;
  readonly roles: RolesBook;
  readonly joinKey: JoinKeyBook;
  readonly ring: RingBook;
  readonly #authority: Authority;
  readonly #store: NodeStore;
  /** What was found genuine, so that gossip that repeats it costs no signature check. */
  readonly #learnt = new Map<string, { readonly bytes: Uint8Array; readonly version: number }>();
  #established: EstablishedPayload | undefined;

  constructor(genesis: Genesis, store: NodeStore) {
    this.genesis = genesis;
    this.roster = new Roster(genesis);
    this.#authority = { clusterId: genesis.clusterId, authorityKey: genesis.payload.authorityKey };
    this.#store = store;
    this.roles = new RolesBook(this.#authority, store);
    this.joinKey = new JoinKeyBook(this.#authority, store);
    this.ring = new RingBook(this.#authority, store);
    for (const record of store.state.admissions) this.roster.learnAdmission(record);
    for (const record of store.state.revocations) this.roster.learnRevocation(record);
  }

  /** Whether this join key admits nobody unattended any more: a revoked node knew it, or a newer one took its place. */
  isRetired(joinKeyId: string): boolean {
    return this.roster.isRetired(joinKeyId) || (this.joinKey.inForce?.retired.includes(joinKeyId) ?? false);
  }

  get established(): EstablishedPayload | undefined {
    const record = this.#store.state.established;
    if (record) this.#established ??= openEstablished(record, this.#authority).payload;
    return this.#established;
  }

  /**
   * Takes a statement to heart and gives its version; undefined for keys it does not know. Throws a RecordError,
   * CodecError or AdmissionError for one that is not genuine. What is learnt from gossip is on disk by `persistBy`.
   */
  learn(statement: Statement, persistBy: Instant): number | undefined {
    const learnt = this.#learnt.get(statement.key);
    if (learnt && equalBytes(learnt.bytes, statement.bytes)) return learnt.version;
    const version = this.#take(statement, persistBy);
    if (version !== undefined) this.#learnt.set(statement.key, { bytes: statement.bytes, version });
    return version;
  }

  /** {@link learn} for a revocation whose node is not known yet. */
  learnRevocation(bytes: Uint8Array, persistBy: Instant): void {
    const { nodeId } = openRevocation(bytes, this.#authority).payload;
    this.learn({ key: revocationKey(nodeId), bytes }, persistBy);
  }

  /** Everything known, to be spread. */
  statements(): readonly Statement[] {
    const { established, roles, joinKey, auditHead } = this.#store.state;
    const { admissions, revocations } = this.roster.records();
    const ringRecord = this.ring.ring.newestRecord?.bytes;
    return [
      ...admissions.map((bytes) => ({
        key: admissionKey(openAdmission(bytes, this.#authority).payload.nodeId),
        bytes,
      })),
      ...revocations.map((bytes) => ({
        key: revocationKey(openRevocation(bytes, this.#authority).payload.nodeId),
        bytes,
      })),
      ...(established ? [{ key: ESTABLISHED_KEY, bytes: established }] : []),
      ...(roles ? [{ key: ROLES_KEY, bytes: roles }] : []),
      ...(auditHead ? [{ key: AUDIT_HEAD_KEY, bytes: auditHead }] : []),
      ...(joinKey ? [{ key: JOIN_KEY_KEY, bytes: joinKey }] : []),
      ...(ringRecord ? [{ key: RING_KEY_KEY, bytes: ringRecord }] : []),
    ];
  }

  #learnAuditHead(bytes: Uint8Array): number {
    const { sequence } = openAuditEntry(bytes, this.#authority).payload;
    const { auditHead } = this.#store.state;
    const known = auditHead ? openAuditEntry(auditHead, this.#authority).payload.sequence : 0;
    if (sequence > known) this.#store.change({ auditHead: bytes });
    return sequence;
  }

  #take({ key, bytes }: Statement, persistBy: Instant): number | undefined {
    const [kind, subject] = splitKey(key);
    switch (kind) {
      case "admission":
        if (openAdmission(bytes, this.#authority).payload.nodeId !== subject) return undefined;
        if (this.roster.learnAdmission(bytes)) {
          this.#store.changeLazily({ admissions: [...this.#store.state.admissions, bytes] }, persistBy);
        }
        return ONLY_VERSION;
      case "revocation":
        if (openRevocation(bytes, this.#authority).payload.nodeId !== subject) return undefined;
        if (this.roster.learnRevocation(bytes)) {
          this.#store.changeLazily({ revocations: [...this.#store.state.revocations, bytes] }, persistBy);
        }
        return ONLY_VERSION;
      case "established":
        openEstablished(bytes, this.#authority);
        if (!this.#store.state.established) this.#store.change({ established: bytes });
        return ONLY_VERSION;
      case ROLES_KEY:
        return this.roles.learn(bytes);
      case JOIN_KEY_KEY:
        return this.joinKey.learn(bytes);
      case RING_KEY_KEY:
        return this.ring.learn(bytes);
      case AUDIT_HEAD_KEY:
        return this.#learnAuditHead(bytes);
      default:
        return undefined;
    }
  }
}

export const ESTABLISHED_KEY = "established";
/** The newest ring key's record; the key itself is not gossiped. */
export const RING_KEY_KEY = "ring-key";

/** The newest entry of the audit log: who cuts off its end in the API is found out by any member. */
export const AUDIT_HEAD_KEY = "audit-head";

export function admissionKey(nodeId: NodeId): string {
  return `admission/${nodeId}`;
}

export function revocationKey(nodeId: NodeId): string {
  return `revocation/${nodeId}`;
}

function splitKey(key: string): readonly [string, string] {
  const slash = key.indexOf("/");
  return slash < 0 ? [key, ""] : [key.slice(0, slash), key.slice(slash + 1)];
}

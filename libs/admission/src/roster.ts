import type { NodeId, OpenRecord } from "@cluster-os/identity";
import { compareBytes, compareText } from "@cluster-os/std";
import type { Genesis } from "./genesis.ts";
import { openAdmission, openRevocation, type AdmissionPayload, type RevocationPayload } from "./records.ts";
import type { Authority } from "./authority.ts";

export interface RosterEntry {
  readonly nodeId: NodeId;
  readonly index: number;
  readonly isFounder: boolean;
}

/**
 * Who is a member under which index: the founders, and what signed records say. Records may come in any order and any
 * number of times; the outcome depends only on which came. One index has one node and one node one index: of records
 * that contradict each other (which servers that ask etcd never make) founders win, then the earlier, then the lower
 * node ID; the others are refused and listed in {@link conflicts}. A revocation wins over every admission, whichever came
 * first: a revoked node never comes back; its index may be given again. Of two revocations of one node the greater
 * bytes count, as they do in gossip.
 */
export class Roster {
  readonly #founders: ReadonlyMap<NodeId, number>;
  readonly #authority: Authority;
  readonly #admissions = new Map<string, OpenRecord<AdmissionPayload>>();
  readonly #revocations = new Map<NodeId, OpenRecord<RevocationPayload>>();
  #indexes = new Map<NodeId, number>();
  #nodes = new Map<number, NodeId>();
  #conflicts: AdmissionPayload[] = [];

  constructor(genesis: Genesis) {
    this.#founders = new Map(genesis.payload.founders.map(({ nodeId, index }) => [nodeId, index]));
    this.#authority = { clusterId: genesis.clusterId, authorityKey: genesis.payload.authorityKey };
    this.#resolve();
  }

  /** Learns an admission record; says whether it was new. Throws a RecordError or AdmissionError if it is not genuine. */
  learnAdmission(bytes: Uint8Array): boolean {
    const record = openAdmission(bytes, this.#authority);
    const { nodeId, index } = record.payload;
    const name = `${nodeId} ${index} ${record.payload.admittedAt}`;
    if (this.#admissions.has(name)) return false;
    this.#admissions.set(name, record);
    const isFree = !this.#indexes.has(nodeId) && !this.#nodes.has(index) && !this.#revocations.has(nodeId);
    // A record that contradicts no winner cannot change who wins among the others.
    if (isFree) this.#place(nodeId, index);
    else this.#resolve();
    return true;
  }

  /** Learns a revocation record; says whether it was new. Throws like {@link learnAdmission}. */
  learnRevocation(bytes: Uint8Array): boolean {
    const record = openRevocation(bytes, this.#authority);
    const { nodeId } = record.payload;
    const known = this.#revocations.get(nodeId);
    if (known && compareBytes(record.bytes, known.bytes) <= 0) return false;
    this.#revocations.set(nodeId, record);
    if (known) return true;
    this.#resolve();
    return true;
  }

  isAdmitted(nodeId: NodeId): boolean {
    return this.#indexes.has(nodeId);
  }

  isFounder(nodeId: NodeId): boolean {
    return this.#founders.has(nodeId);
  }

  isRevoked(nodeId: NodeId): boolean {
    return this.#revocations.has(nodeId);
  }

  /** The revocation record that counts for a node. */
  revocationOf(nodeId: NodeId): Uint8Array | undefined {
    return this.#revocations.get(nodeId)?.bytes;
  }

  /** Everybody who was a member, or asked to be one, and never will be again. */
  revoked(): readonly RevocationPayload[] {
    return [...this.#revocations.values()].map(({ payload }) => payload);
  }

  /** Whether somebody who was revoked knew this join key, so that it admits nobody unattended. */
  isRetired(joinKeyId: string): boolean {
    return this.revoked().some(({ retiredJoinKeys }) => retiredJoinKeys.includes(joinKeyId));
  }

  /** How many nodes were ever revoked. */
  get revocationCount(): number {
    return this.#revocations.size;
  }

  indexOf(nodeId: NodeId): number | undefined {
    return this.#indexes.get(nodeId);
  }

  nodeAt(index: number): NodeId | undefined {
    return this.#nodes.get(index);
  }

  /** Every admitted node, by index. */
  entries(): readonly RosterEntry[] {
    return [...this.#nodes]
      .sort(([left], [right]) => left - right)
      .map(([index, nodeId]) => ({ nodeId, index, isFounder: this.isFounder(nodeId) }));
  }

  /** What every genuine admission record says, also of nodes that were revoked since. */
  admissions(): readonly AdmissionPayload[] {
    return this.#ordered().map(({ payload }) => payload);
  }

  /** Genuine records that were refused, since they contradict others. */
  conflicts(): readonly AdmissionPayload[] {
    return this.#conflicts;
  }

  /** The admission record that counts for a node; founders have none. */
  admissionOf(nodeId: NodeId): Uint8Array | undefined {
    const index = this.#indexes.get(nodeId);
    return this.#ordered().find(({ payload }) => payload.nodeId === nodeId && payload.index === index)?.bytes;
  }

  /** The signed records learnt, to be stored: a roster that learns them again is the same roster. */
  records(): { readonly admissions: readonly Uint8Array[]; readonly revocations: readonly Uint8Array[] } {
    return {
      admissions: this.#ordered().map(({ bytes }) => bytes),
      revocations: [...this.#revocations.values()].map(({ bytes }) => bytes),
    };
  }

  #resolve(): void {
    this.#indexes = new Map();
    this.#nodes = new Map();
    this.#conflicts = [];
    for (const [nodeId, index] of this.#founders)
      if (!this.#revocations.has(nodeId)) this.#place(nodeId, index);
    for (const { payload } of this.#ordered()) {
      if (this.#revocations.has(payload.nodeId)) continue;
      const isSame = this.#indexes.get(payload.nodeId) === payload.index;
      if (isSame) continue;
      if (this.#indexes.has(payload.nodeId) || this.#nodes.has(payload.index)) this.#conflicts.push(payload);
      else this.#place(payload.nodeId, payload.index);
    }
  }

  #place(nodeId: NodeId, index: number): void {
    this.#indexes.set(nodeId, index);
    this.#nodes.set(index, nodeId);
  }

  #ordered(): OpenRecord<AdmissionPayload>[] {
    return [...this.#admissions.values()].sort(
      ({ payload: left }, { payload: right }) =>
        left.admittedAt - right.admittedAt ||
        compareText(left.nodeId, right.nodeId) ||
        left.index - right.index,
    );
  }
}

import { nodeName, type NodeId } from "@cluster-os/identity";
import { compareText, type Instant } from "@cluster-os/std";
import { compareAddresses } from "./address.ts";
import type { MembershipConfig } from "./config.ts";
import type { Address, Member, MemberStatus, NodeDescription } from "./member.ts";
import { mergeAccusation, mergeStatement, statusOf, type Standing } from "./merge.ts";
import type { Accusation } from "./news.ts";
import type { Statement } from "./records.ts";
import { bootCounterOf } from "./self.ts";
import { Suspicion, suspicionTimes } from "./suspicion.ts";

/** What is held of another node. */
interface Entry {
  readonly nodeId: NodeId;
  readonly name: string;
  standing: Standing;
  /** What it last said of itself while it was alive: kept when it leaves. */
  description: NodeDescription | undefined;
  address: Address;
  /** When the node itself was last heard from this address; undefined if others told the address. */
  heardAt: Instant | undefined;
  failedAt: Instant | undefined;
}

/** Something about a member is new. `previous` is undefined if the member is. */
export interface Change {
  readonly previous: MemberStatus | undefined;
}

/** A better address that was silent for so long is given up for a worse one that is heard, in milliseconds. */
const ADDRESS_KEEP_MS = 60_000;

/** All other nodes this one knows of, and what it holds of each. It judges nothing but by the rules of merge.ts. */
export class MemberTable {
  readonly #config: MembershipConfig;
  readonly #entries = new Map<NodeId, Entry>();
  // Few at any time, and asked for after every step.
  readonly #suspected = new Map<NodeId, { readonly entry: Entry; readonly suspicion: Suspicion }>();
  // What follows from the entries, until they change: it is asked for after every step.
  #members: readonly Member[] | undefined;
  #reachable: readonly Member[] | undefined;
  #liveCount: number | undefined;

  constructor(config: MembershipConfig) {
    this.#config = config;
  }

  has(nodeId: NodeId): boolean {
    return this.#entries.has(nodeId);
  }

  get(nodeId: NodeId): Member | undefined {
    const entry = this.#entries.get(nodeId);
    return entry && memberOf(entry);
  }

  standing(nodeId: NodeId): Standing | undefined {
    return this.#entries.get(nodeId)?.standing;
  }

  /** By node ID. */
  members(): readonly Member[] {
    this.#members ??= [...this.#entries.values()]
      .map(memberOf)
      .sort((left, right) => compareText(left.nodeId, right.nodeId));
    return this.#members;
  }

  /** Members that are alive or suspect and can be reached, in no order that means anything. */
  reachable(): readonly Member[] {
    this.#reachable ??= this.members().filter(({ status, address }) => isLive(status) && address !== "");
    return this.#reachable;
  }

  /** How many nodes live, this one included. */
  get liveCount(): number {
    this.#liveCount ??= 1 + this.members().filter(({ status }) => isLive(status)).length;
    return this.#liveCount;
  }

  /** A node's own statement came, with the address at which its teller reaches it, if it is of use here. */
  learn(statement: Statement, address: Address | undefined): Change | undefined {
    const held = this.#entries.get(statement.nodeId);
    const merged = mergeStatement(held?.standing, statement);
    if (!merged) return held?.address === "" && address !== undefined ? this.#give(held, address) : undefined;
    const previous = held && statusOf(held.standing);
    const entry = held ?? newEntry(merged);
    if (address !== undefined && isToldAddressBetter(entry, statement, previous)) {
      entry.address = address;
      entry.heardAt = undefined;
    }
    entry.standing = merged;
    entry.description = statement.description ?? entry.description;
    if (merged.accusation !== "suspect") this.#suspected.delete(statement.nodeId);
    if (statusOf(merged) !== "failed") entry.failedAt = undefined;
    this.#entries.set(statement.nodeId, entry);
    this.#forgetDerived();
    return { previous };
  }

  /** A message came from the node itself. Its source is an address at which it can be reached. */
  hear(nodeId: NodeId, from: Address, now: Instant): Change | undefined {
    const entry = this.#entries.get(nodeId);
    if (!entry) return undefined;
    if (entry.address === from) {
      entry.heardAt = now;
      return undefined;
    }
    const isHeld =
      entry.heardAt !== undefined &&
      statusOf(entry.standing) === "alive" &&
      now - entry.heardAt < ADDRESS_KEEP_MS &&
      compareAddresses(entry.address, from) < 0;
    if (isHeld) return undefined;
    entry.heardAt = now;
    return this.#give(entry, from);
  }

  /**
   * Someone accuses a node. Another's verdict that it failed is one more suspicion: here it fails only once its suspicion here is
   * over, so that it has that long to be heard. "confirmed": it was suspect, and one more node accuses it.
   */
  accuse(accusation: Accusation, now: Instant): Change | "confirmed" | undefined {
    const entry = this.#entries.get(accusation.nodeId);
    if (!entry) return undefined;
    const kind = this.#isOver(entry, now) ? accusation.kind : "suspect";
    const merged = mergeAccusation(entry.standing, { ...accusation, kind });
    if (!merged) return this.#isConfirmed(entry, accusation) ? "confirmed" : undefined;
    const previous = statusOf(entry.standing);
    if (kind === "suspect") {
      const times = suspicionTimes(this.#config, this.liveCount);
      this.#suspected.set(entry.nodeId, { entry, suspicion: new Suspicion(times, accusation.accuser, now) });
    } else this.#suspected.delete(entry.nodeId);
    entry.failedAt = kind === "suspect" ? undefined : now;
    entry.standing = merged;
    this.#forgetDerived();
    return { previous };
  }

  /** Those whose suspicion ended without a word from them. */
  convicted(now: Instant): readonly Standing[] {
    if (this.#suspected.size === 0) return [];
    return [...this.#suspected.values()]
      .filter(({ suspicion }) => now >= suspicion.endsAt)
      .map(({ entry }) => entry.standing);
  }

  /** Those who are to be told now that they are suspect here, once each time it is due. */
  dueToBeTold(now: Instant): readonly NodeId[] {
    if (this.#suspected.size === 0) return [];
    const due = [...this.#suspected.values()].filter(({ suspicion }) => now >= suspicion.tellAt);
    for (const { suspicion } of due) suspicion.told();
    return due.map(({ entry }) => entry.nodeId);
  }

  /** Those whom `accuser` suspects. */
  suspectsOf(accuser: NodeId): readonly Member[] {
    if (this.#suspected.size === 0) return [];
    return [...this.#suspected.values()]
      .filter(({ suspicion }) => suspicion.hasAccuser(accuser))
      .map(({ entry }) => memberOf(entry));
  }

  /** Whether the node failed after `since`. */
  hasFailedSince(nodeId: NodeId, since: Instant): boolean {
    return (this.#entries.get(nodeId)?.failedAt ?? -Infinity) > since;
  }

  /** Forgets the nodes that are members no longer, and says which. */
  forget(isMember: (nodeId: NodeId) => boolean): readonly NodeId[] {
    const gone = [...this.#entries.keys()].filter((nodeId) => !isMember(nodeId));
    for (const nodeId of gone) {
      this.#entries.delete(nodeId);
      this.#suspected.delete(nodeId);
    }
    if (gone.length > 0) this.#forgetDerived();
    return gone;
  }

  postponeSuspicions(ms: number): void {
    for (const { suspicion } of this.#suspected.values()) suspicion.postpone(ms);
  }

  get wakeAt(): Instant {
    if (this.#suspected.size === 0) return Infinity;
    const times = [...this.#suspected.values()].map(({ suspicion }) =>
      Math.min(suspicion.endsAt, suspicion.tellAt),
    );
    return Math.min(...times);
  }

  #isOver({ nodeId }: Entry, now: Instant): boolean {
    const suspected = this.#suspected.get(nodeId);
    return suspected !== undefined && now >= suspected.suspicion.endsAt;
  }

  #isConfirmed(entry: Entry, { incarnation, accuser }: Accusation): boolean {
    const isSame = incarnation === entry.standing.statement.incarnation;
    return isSame && this.#suspected.get(entry.nodeId)?.suspicion.confirm(accuser) === true;
  }

  #forgetDerived(): void {
    this.#members = undefined;
    this.#reachable = undefined;
    this.#liveCount = undefined;
  }

  #give(entry: Entry, address: Address): Change {
    entry.address = address;
    this.#forgetDerived();
    return { previous: statusOf(entry.standing) };
  }
}

function isLive(status: MemberStatus): boolean {
  return status === "alive" || status === "suspect";
}

function newEntry(standing: Standing): Entry {
  const { nodeId, description } = standing.statement;
  return {
    nodeId,
    name: nodeName(nodeId),
    standing,
    description,
    address: "",
    heardAt: undefined,
    failedAt: undefined,
  };
}

/**
 * Hearsay counts only where nothing better is known: at first, when the node comes back, and when it was started anew,
 * perhaps elsewhere. Otherwise the address from which it was heard itself stays.
 */
function isToldAddressBetter(entry: Entry, heard: Statement, previous: MemberStatus | undefined): boolean {
  if (entry.address === "" || entry.heardAt === undefined) return true;
  if (previous === "failed" || previous === "left") return true;
  return bootCounterOf(heard.incarnation) > bootCounterOf(entry.standing.statement.incarnation);
}

function memberOf(entry: Entry): Member {
  return {
    nodeId: entry.nodeId,
    name: entry.name,
    status: statusOf(entry.standing),
    incarnation: entry.standing.statement.incarnation,
    address: entry.address,
    description: entry.description,
  };
}

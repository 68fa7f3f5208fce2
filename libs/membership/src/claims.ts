import { RecordError, type NodeId } from "@cluster-os/identity";
import { equalBytes, type Instant } from "@cluster-os/std";
import { asHeardFrom } from "./address.ts";
import { receiverOf, sendTo, statementNews, type Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import type { Address } from "./member.ts";
import { encodeNews, type Accusation, type News } from "./news.ts";
import { StatementReader, type Statement } from "./records.ts";
import type { Change } from "./table.ts";

/** Who told something, and how. */
export interface Teller {
  readonly nodeId: NodeId;
  readonly from: Address;
  /** In an exchange of everything, where what is told may be long past. */
  readonly isExchange: boolean;
  /** This node knew nobody before: whatever it is told now, others know already, and need not be told by it. */
  readonly isFirst: boolean;
}

export type Claim = Exclude<News, { kind: "fact" }>;
type StatementClaim = Extract<News, { readonly record: Uint8Array }>;

const reader = new StatementReader();

/** Two machines with one key (a cloned disk) would otherwise overtake each other at each round of gossip. */
const OVERTAKE_EVERY_MS = 10_000;

/**
 * Judges what is said of nodes: keeps what is new, passes it on, and answers what is wrong. The answers are news for the
 * teller.
 */
export class Claims {
  readonly #core: Core;
  readonly #exchange: Exchange;
  #overtakesAt: Instant = -Infinity;

  constructor(core: Core, exchange: Exchange) {
    this.#core = core;
    this.#exchange = exchange;
  }

  apply(claim: Claim, teller: Teller, now: Instant): readonly Uint8Array[] {
    switch (claim.kind) {
      case "alive":
      case "left": {
        const statement = this.#open(claim, teller, now);
        return statement
          ? this.#hearStatement(statement, this.#addressIn(claim, statement, teller), teller, now)
          : [];
      }
      case "suspect":
      case "failed":
        return this.accuse(claim, now);
      default:
        return claim satisfies never;
    }
  }

  accuse(accusation: Accusation, now: Instant): readonly Uint8Array[] {
    const { table, outbox, self } = this.#core;
    const { nodeId, accuser } = accusation;
    if (nodeId === self.identity.nodeId) return this.#answerAccusation(accusation.incarnation);
    if (!this.#isKnown(accuser) || !this.#isKnown(nodeId)) return [];
    const outcome = table.accuse(accusation, now);
    if (outcome === undefined) return this.#correction(accusation);
    const kind = table.standing(nodeId)?.accusation ?? accusation.kind;
    if (this.#core.rules.isPassedOn(kind))
      outbox.spread(`member ${nodeId}`, encodeNews({ ...accusation, kind }));
    if (outcome !== "confirmed") this.#changed(nodeId, outcome, now);
    return [];
  }

  /** This node's own probe of a member was not answered: the member is the first to be told. */
  suspect(nodeId: NodeId, now: Instant): void {
    const standing = this.#core.table.standing(nodeId);
    if (standing?.statement.kind !== "alive") return;
    const { incarnation } = standing.statement;
    this.accuse({ kind: "suspect", nodeId, incarnation, accuser: this.#core.self.identity.nodeId }, now);
    this.tellAccused(nodeId);
  }

  tellAccused(nodeId: NodeId): void {
    const receiver = receiverOf(this.#core, nodeId);
    if (receiver) sendTo(this.#core, receiver, { kind: "gossip" });
  }

  /** Suspicions that nobody answered in time; before, who is suspect is told so by everyone who still suspects it. */
  convict(now: Instant): void {
    for (const nodeId of this.#core.table.dueToBeTold(now)) this.tellAccused(nodeId);
    const accuser = this.#core.self.identity.nodeId;
    for (const { statement } of this.#core.table.convicted(now)) {
      const { nodeId, incarnation } = statement;
      this.accuse({ kind: "failed", nodeId, incarnation, accuser }, now);
    }
  }

  /** A message came from the node itself. */
  hear(nodeId: NodeId, from: Address, now: Instant): void {
    const change = this.#core.table.hear(nodeId, from, now);
    if (change) this.#changed(nodeId, change, now);
  }

  /** This node says something new of itself. */
  spreadSelf(): void {
    this.#core.outbox.spread(`member ${this.#core.self.identity.nodeId}`, this.selfNews());
  }

  selfNews(): Uint8Array {
    return statementNews(this.#core, this.#core.self.statement);
  }

  #open({ kind, record }: StatementClaim, teller: Teller, now: Instant): Statement | undefined {
    const { conduct, counters } = this.#core;
    if (!conduct.isHeard(teller.nodeId, now)) {
      counters.unread += 1;
      return undefined;
    }
    try {
      return reader.open(kind, record);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      counters.badNews += 1;
      conduct.refused({ nodeId: teller.nodeId, from: teller.from, what: "news" }, now);
      return undefined;
    }
  }

  /** Of itself a node says no address: it is where the message came from. */
  #addressIn(claim: Claim, statement: Statement, teller: Teller): Address | undefined {
    if (claim.kind !== "alive") return undefined;
    return statement.nodeId === teller.nodeId ? teller.from : asHeardFrom(claim.address, teller.from);
  }

  #hearStatement(
    statement: Statement,
    address: Address | undefined,
    teller: Teller,
    now: Instant,
  ): readonly Uint8Array[] {
    const { table, outbox, self } = this.#core;
    const { nodeId } = statement;
    if (nodeId === self.identity.nodeId) return this.#hearOwnStatement(statement, now);
    if (!this.#core.isAdmitted(nodeId)) {
      // What admits it may be on its way; an exchange would have brought it.
      if (!teller.isExchange) this.#exchange.compareSoon(now);
      return [];
    }
    const change = table.learn(statement, address);
    if (!change) return [];
    const held = table.standing(nodeId)!.statement;
    if (held.bytes === statement.bytes)
      outbox.spread(`member ${nodeId}`, statementNews(this.#core, statement));
    this.#changed(nodeId, change, now);
    return [];
  }

  /** What others hold of this node is older, the same, or, if it is news, was said by someone else with this node's key. */
  #hearOwnStatement(heard: Statement, now: Instant): readonly Uint8Array[] {
    const { self, counters } = this.#core;
    if (equalBytes(heard.bytes, self.statement.bytes)) return [];
    if (heard.incarnation >= self.statement.incarnation && !self.hasLeft) {
      counters.ownKeyElsewhere += 1;
      if (now < this.#overtakesAt) return [];
      this.#overtakesAt = now + OVERTAKE_EVERY_MS;
      self.overtake(heard.incarnation);
      this.spreadSelf();
    }
    return [this.selfNews()];
  }

  /** An accusation of an incarnation never held is nobody's proof of anything; an older one was answered before. */
  #answerAccusation(incarnation: number): readonly Uint8Array[] {
    const { self, counters, awareness } = this.#core;
    if (incarnation > self.statement.incarnation) return [];
    if (incarnation === self.statement.incarnation && !self.hasLeft) {
      counters.refutations += 1;
      awareness.apply(1);
      self.overtake(incarnation);
      this.spreadSelf();
    }
    return [this.selfNews()];
  }

  /** The teller has not heard yet that the accused answered. */
  #correction({ nodeId, incarnation }: Accusation): readonly Uint8Array[] {
    const standing = this.#core.table.standing(nodeId);
    if (!standing || incarnation >= standing.statement.incarnation) return [];
    return [statementNews(this.#core, standing.statement)];
  }

  #isKnown(nodeId: NodeId): boolean {
    return nodeId === this.#core.self.identity.nodeId || this.#core.isAdmitted(nodeId);
  }

  #changed(nodeId: NodeId, change: Change, now: Instant): void {
    const { table, outbox } = this.#core;
    const member = table.get(nodeId)!;
    outbox.setMemberCount(table.liveCount);
    const { previous } = change;
    outbox.emit({ kind: "member-changed", member, ...(previous !== undefined && { previous }) });
    this.#exchange.changed(nodeId, change, now);
  }
}

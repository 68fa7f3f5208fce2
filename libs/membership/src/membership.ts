import { nodeName, type NodeId } from "@cluster-os/identity";
import { compareText, shuffled, type Instant } from "@cluster-os/std";
import { Awareness } from "./awareness.ts";
import { Claims } from "./claims.ts";
import { Conduct } from "./conduct.ts";
import { defaultMembershipConfig } from "./config.ts";
import { accusationsAgainst, receiverOf, type Core } from "./core.ts";
import { zeroCounters, type MembershipCounters } from "./counters.ts";
import { Detector } from "./detector.ts";
import { Exchange } from "./exchange.ts";
import { FactStore, type FactOutcome } from "./facts.ts";
import { Gate, type Passed } from "./gate.ts";
import { Lateness } from "./lateness.ts";
import type { Address, Member } from "./member.ts";
import type { Body } from "./message.ts";
import { decodeNews, encodeNews, type News } from "./news.ts";
import { Outbox, type KnownReceiver } from "./outbox.ts";
import type { Fact, MembershipEffect, MembershipInput, MembershipOptions } from "./protocol.ts";
import type { Statement } from "./records.ts";
import { SOUND_RULES } from "./rules.ts";
import { Sealing } from "./sealing.ts";
import { Self } from "./self.ts";
import { MemberTable } from "./table.ts";

interface Source {
  readonly nodeId: NodeId;
  readonly from: Address;
}

/** A node that leaves tells so many others at once; they tell the rest. */
const LEAVE_FANOUT = 32;

/**
 * One node's part in the protocol. Sans-I/O: `step(input, now)` returns the effects in the order in which they are to be
 * carried out. Call it with `wake` when the time is `wakeAt`. Nothing that comes from outside makes it throw.
 */
export class Membership {
  readonly #core: Core;
  readonly #sealing: Sealing;
  readonly #gate: Gate;
  readonly #claims: Claims;
  readonly #detector: Detector;
  readonly #exchange: Exchange;
  /** The last answer of `members`, and what it was made of. */
  #members:
    | { readonly others: readonly Member[]; readonly statement: Statement; readonly all: readonly Member[] }
    | undefined;
  readonly #lateness = new Lateness();
  #gossipAt: Instant;
  #newsAt: Instant;
  #hasStepped = false;

  constructor(options: MembershipOptions) {
    const config = { ...defaultMembershipConfig, ...options.config };
    const rules = { ...SOUND_RULES, ...options.rules };
    const { identity, rng, now } = options;
    this.#sealing = new Sealing(options);
    const outbox = new Outbox(config, this.#sealing);
    const core: Core = {
      config,
      rng,
      self: new Self(identity, options.bootCounter, options.description, rules),
      table: new MemberTable(config),
      facts: new FactStore((key, bytes) => options.verifyFact(key, bytes)),
      outbox,
      conduct: new Conduct((misdeed) => outbox.emit(misdeed)),
      awareness: new Awareness(config.awarenessLimit),
      counters: zeroCounters(),
      rules,
      isAdmitted: (nodeId) => options.isAdmitted(nodeId),
    };
    this.#core = core;
    this.#gate = new Gate(this.#sealing, core.counters, rules);
    this.#exchange = new Exchange(core, now);
    this.#claims = new Claims(core, this.#exchange);
    this.#detector = new Detector(core, (nodeId, at) => this.#claims.suspect(nodeId, at), now);
    this.#gossipAt = now;
    this.#newsAt = now;
  }

  step(input: MembershipInput, now: Instant): readonly MembershipEffect[] {
    this.#noticeStall(now);
    this.#take(input, now);
    this.#claims.convict(now);
    this.#detector.wake(now);
    this.#exchange.wake(now);
    this.#gossip(now);
    return this.#core.outbox.takeEffects();
  }

  /**
   * Whether a datagram is no message of this cluster, as its first bytes tell: then it is counted, and need not be given to
   * `step`. A flood of garbage costs next to nothing so.
   */
  refuses(bytes: Uint8Array): boolean {
    return this.#gate.screen(bytes);
  }

  /** When to call `step` again at the latest. */
  get wakeAt(): Instant {
    const { table } = this.#core;
    return Math.min(table.wakeAt, this.#detector.wakeAt, this.#exchange.wakeAt, this.#tellAt);
  }

  /** Every member this node knows of, itself included, by node ID. */
  members(): readonly Member[] {
    const others = this.#core.table.members();
    const { statement } = this.#core.self;
    if (this.#members?.others !== others || this.#members.statement !== statement) {
      const all = [...others, this.#selfMember()];
      all.sort((left, right) => compareText(left.nodeId, right.nodeId));
      this.#members = { others, statement, all };
    }
    return this.#members.all;
  }

  facts(): ReadonlyMap<string, Fact> {
    return this.#core.facts.all;
  }

  counters(): Readonly<MembershipCounters> {
    return { ...this.#core.counters };
  }

  #take(input: MembershipInput, now: Instant): void {
    switch (input.kind) {
      case "wake":
        return;
      case "datagram":
        return this.#receive(input.from, input.bytes, now);
      case "join":
        return this.#exchange.join(input.seeds, now);
      case "describe":
        this.#core.self.describe(input.description);
        return this.#claims.spreadSelf();
      case "publish-fact":
        this.#learnFact(input.key, input.bytes);
        return;
      case "send-message":
        return this.#sendMessage(input);
      case "ring-keys":
        this.#sealing.setRingKeys(input.ringKeys);
        return this.#forgetRevoked();
      case "leave":
        return this.#leave();
      default:
        input satisfies never;
    }
  }

  #receive(from: Address, bytes: Uint8Array, now: Instant): void {
    const passed = this.#gate.open(bytes);
    if ("why" in passed) {
      if (passed.why === "forged")
        this.#core.conduct.refused({ nodeId: passed.sender, from, what: "forged" }, now);
      if (passed.why !== "unknownKey") return;
      const { sender, ringKeyId } = passed;
      return this.#core.outbox.emit({ kind: "unknown-ring-key", from, sender, ringKeyId });
    }
    const { sender, message } = passed;
    if (sender === this.#core.self.identity.nodeId) return this.#hearOwnKey(passed, from);
    const teller = { nodeId: sender, from };
    const news = this.#readNews(message.news, teller, now);
    // Facts first: one of them may be what admits the sender.
    const facts = news.filter((item) => item.kind === "fact");
    const learned = facts.filter(({ key, bytes: fact }) => this.#hearFact(key, fact, teller, now));
    if (!this.#core.isAdmitted(sender)) return this.#refuse(passed, from);
    this.#gate.accept(passed);
    this.#exchange.answered(from);
    if (message.body.kind === "sync-data" && learned.length > 0) this.#exchange.compareSoon(now);
    this.#act(passed, from, news, now);
  }

  /** A seed was this node itself; or there is another machine with this node's key. */
  #hearOwnKey(passed: Passed, from: Address): void {
    this.#exchange.answered(from);
    if (this.#sealing.isAhead(passed)) this.#core.counters.ownKeyElsewhere += 1;
  }

  #refuse({ sender, message }: Passed, from: Address): void {
    this.#core.counters.unadmitted += 1;
    if (message.body.kind === "sync-offer") {
      this.#exchange.onForeignOffer({ nodeId: sender, address: from }, message.body);
    }
  }

  #act({ sender, message: { body } }: Passed, from: Address, news: readonly News[], now: Instant): void {
    const isExchange = body.kind === "sync-data";
    const isFirst = isExchange && this.#core.table.members().length === 0;
    const teller = { nodeId: sender, from, isExchange, isFirst };
    const isKnown = this.#core.table.has(sender);
    if (isKnown) this.#claims.hear(sender, from, now);
    const corrections = news.flatMap((item) =>
      item.kind === "fact" ? [] : this.#claims.apply(item, teller, now),
    );
    if (!isKnown) this.#claims.hear(sender, from, now);
    const receiver = { nodeId: sender, address: from };
    const answers = [...accusationsAgainst(this.#core, sender), ...corrections];
    const isAnswered = this.#respond(receiver, body, answers, now);
    if (!isAnswered && answers.length > 0) this.#core.outbox.send(receiver, { kind: "gossip" }, answers);
    // An exchange makes known by itself; greeting there could go back and forth without end.
    const isStranger = !this.#core.table.has(sender) && !body.kind.startsWith("sync-");
    if (isStranger) this.#exchange.greet(receiver);
  }

  /** Does what the message is for; says whether `answers` went along with a message to the sender. */
  #respond(sender: KnownReceiver, body: Body, answers: readonly Uint8Array[], now: Instant): boolean {
    switch (body.kind) {
      case "ping":
        this.#core.outbox.send(sender, { kind: "ack", sequence: body.sequence }, answers);
        return true;
      case "ack":
        this.#detector.acknowledged(body.sequence);
        return false;
      case "nack":
        this.#detector.nacked(body.sequence);
        return false;
      case "ping-request":
        this.#detector.relay(sender.nodeId, sender.address, body, now);
        return false;
      case "gossip":
        return false;
      case "sync-hash":
        return this.#exchange.onHash(sender, body.hash, answers);
      case "sync-offer":
        this.#exchange.onOffer(sender, body, answers);
        return true;
      case "sync-data":
        return this.#exchange.onData(sender, body, answers);
      case "user":
        this.#core.outbox.emit({ kind: "message", from: sender.nodeId, topic: body.topic, body: body.body });
        return false;
      default:
        return body satisfies never;
    }
  }

  #readNews(encoded: readonly Uint8Array[], teller: Source, now: Instant): readonly News[] {
    const { conduct, counters } = this.#core;
    return encoded.flatMap((bytes) => {
      if (!conduct.isHeard(teller.nodeId, now)) {
        counters.unread += 1;
        return [];
      }
      const news = decodeNews(bytes);
      if (news) return [news];
      counters.badNews += 1;
      conduct.refused({ ...teller, what: "news" }, now);
      return [];
    });
  }

  /** Another told it; says whether it was new. */
  #hearFact(key: string, bytes: Uint8Array, teller: Source, now: Instant): boolean {
    const { conduct, counters, outbox } = this.#core;
    if (!conduct.isHeard(teller.nodeId, now)) {
      counters.unread += 1;
      return false;
    }
    const outcome = this.#learnFact(key, bytes);
    if (outcome === "refused") conduct.refused({ ...teller, what: "fact" }, now);
    if (typeof outcome === "string") return false;
    outbox.emit({ kind: "fact-learned", key, bytes, version: outcome.version });
    return true;
  }

  #learnFact(key: string, bytes: Uint8Array): FactOutcome {
    const { facts, outbox, counters } = this.#core;
    const outcome = facts.learn(key, bytes);
    if (outcome === "refused") counters.badFacts += 1;
    if (typeof outcome === "string") return outcome;
    outbox.spread(`fact ${key}`, encodeNews({ kind: "fact", key, bytes }));
    this.#forgetRevoked();
    return outcome;
  }

  /** Facts decide who is a member; who is one no longer disappears. */
  #forgetRevoked(): void {
    const { table, outbox } = this.#core;
    for (const nodeId of table.forget((known) => this.#core.isAdmitted(known))) {
      this.#gate.forget(nodeId);
      this.#exchange.forget(nodeId);
      this.#core.conduct.forget(nodeId);
    }
    outbox.setMemberCount(table.liveCount);
  }

  #sendMessage({ to, topic, body }: Extract<MembershipInput, { kind: "send-message" }>): void {
    const receiver = receiverOf(this.#core, to);
    if (receiver) this.#core.outbox.send(receiver, { kind: "user", topic, body });
    else this.#core.counters.undeliverable += 1;
  }

  #leave(): void {
    const { self, table, outbox, rng } = this.#core;
    if (self.hasLeft) return;
    self.leave();
    for (const { nodeId, address } of shuffled(rng, table.reachable()).slice(0, LEAVE_FANOUT)) {
      outbox.send({ nodeId, address }, { kind: "gossip" }, [this.#claims.selfNews()]);
    }
    this.#claims.spreadSelf();
  }

  /** Tells news to a few members, and suspects what this node holds against them, until they answer or it is too late. */
  #gossip(now: Instant): void {
    const { table, outbox, config, rng, self } = this.#core;
    if (now < this.#tellAt) return;
    const isRegular = now >= this.#gossipAt;
    outbox.beginRound(isRegular ? "all" : "untold");
    // They were told at once; again and again, but not as often as there is news.
    const accused = isRegular ? table.suspectsOf(self.identity.nodeId) : [];
    for (const { nodeId } of accused) this.#claims.tellAccused(nodeId);
    const since = now - config.gossipToFailedMs;
    const failedLately = table
      .members()
      .filter(({ nodeId, address }) => address !== "" && table.hasFailedSince(nodeId, since));
    const receivers = shuffled(rng, [...table.reachable(), ...failedLately]).slice(0, config.gossipFanout);
    for (const { nodeId, address, status } of receivers) {
      if (status === "alive") outbox.gossip({ nodeId, address });
      else outbox.gossipInVain({ nodeId, address }, accusationsAgainst(this.#core, nodeId));
    }
    const { pauseMs } = this.#lateness;
    this.#newsAt = now + config.newsIntervalMs + pauseMs;
    // Alone, there is nobody to tell, and no need to look often whether there is.
    const again = receivers.length > 0 ? config.gossipIntervalMs : config.probeIntervalMs;
    if (isRegular) this.#gossipAt = now + again + pauseMs;
  }

  /** When there is something to tell, and somebody. */
  get #tellAt(): Instant {
    const { outbox, table, self } = this.#core;
    if (table.members().length === 0) return Infinity;
    if (outbox.hasUntoldNews) return Math.min(this.#newsAt, this.#gossipAt);
    return outbox.hasNews || table.suspectsOf(self.identity.nodeId).length > 0 ? this.#gossipAt : Infinity;
  }

  /** A machine that slept heard nobody: it must not hold that against them (and is itself not well). */
  #noticeStall(now: Instant): void {
    const late = now - this.wakeAt;
    const isFirst = !this.#hasStepped;
    this.#hasStepped = true;
    if (isFirst || late < 0) return;
    this.#lateness.note(late);
    if (late < this.#core.config.stallMs) return;
    this.#core.counters.stalls += 1;
    this.#core.awareness.apply(1);
    this.#core.table.postponeSuspicions(late);
    this.#detector.postpone(late);
  }

  #selfMember(): Member {
    const { self } = this.#core;
    const { nodeId } = self.identity;
    return {
      nodeId,
      name: nodeName(nodeId),
      status: self.statement.kind,
      incarnation: self.statement.incarnation,
      address: "",
      description: self.description,
    };
  }
}

import type { NodeId } from "@cluster-os/identity";
import { equalBytes, randomInteger, type Instant } from "@cluster-os/std";
import { accusationsAgainst, receiverOf, sendTo, statementNews, type Core } from "./core.ts";
import type { Address } from "./member.ts";
import type { Body, MemberDigest } from "./message.ts";
import { encodeNews } from "./news.ts";
import type { KnownReceiver, Receiver } from "./outbox.ts";
import { Redialler } from "./redialler.ts";
import { compareMembers, digestOf, syncHash } from "./sync.ts";
import type { Change } from "./table.ts";
import { pushPullIntervalMs } from "./timing.ts";

/** Who joins brings its facts along if they are no more than this, in bytes: one of them may be what admits it. */
const JOIN_FACTS_BYTES = 262_144;
/** A seed that never answers is given up after so many tries, once others have answered. */
const SEED_TRIES = 5;

/** Gives and asks for nothing more: what goes with it counts. */
const MORE_DATA: Body = { kind: "sync-data", members: [], facts: [] };

/**
 * Anti-entropy: repairs what gossip lost. Two nodes compare a hash of all they know; if it differs, one offers what it
 * has by incarnation and version, and each sends what the other lacks. Seeds and failed members are dialled with the
 * same messages, so a partition that heals merges by itself.
 */
export class Exchange {
  readonly #core: Core;
  readonly #seeds: Redialler<Address>;
  readonly #failed: Redialler<NodeId>;
  #regularAt: Instant;
  #extraAt: Instant | undefined;

  constructor(core: Core, now: Instant) {
    this.#core = core;
    const { redialInitialMs, redialMaxMs } = core.config;
    const policy = { initialMs: redialInitialMs, maxMs: redialMaxMs, factor: 2 };
    this.#seeds = new Redialler(policy, core.rng);
    this.#failed = new Redialler(policy, core.rng);
    this.#regularAt = now + this.#intervalMs();
  }

  get wakeAt(): Instant {
    if (this.#core.self.hasLeft) return Infinity;
    return Math.min(this.#regularAt, this.#extraAt ?? Infinity, this.#seeds.wakeAt, this.#failed.wakeAt);
  }

  wake(now: Instant): void {
    if (this.#core.self.hasLeft) return;
    for (const seed of this.#seeds.due(now)) this.#dialSeed(seed);
    for (const nodeId of this.#failed.due(now)) this.#compareWith(nodeId);
    if (now >= this.#regularAt) {
      this.#regularAt = now + this.#intervalMs();
      this.#compareWithAnyone();
    }
    if (this.#extraAt !== undefined && now >= this.#extraAt) {
      this.#extraAt = undefined;
      this.#compareWithAnyone();
    }
  }

  join(seeds: readonly Address[], now: Instant): void {
    for (const seed of seeds) this.#seeds.add(seed, now);
    this.compareSoon(now);
  }

  /** Something may have been missed: one more comparison, a little later. */
  compareSoon(now: Instant): void {
    const { config, rng } = this.#core;
    this.#extraAt ??= now + config.joinPushPullMs * (1 + rng.fraction() / 2);
  }

  /** A genuine message came from there. */
  answered(from: Address): void {
    this.#seeds.remove(from);
  }

  /** A member changed: the failed are dialled, and who is new or back may have met others that are not known here. */
  changed(nodeId: NodeId, { previous }: Change, now: Instant): void {
    const { table, config } = this.#core;
    const status = table.get(nodeId)?.status;
    if (status === "failed") this.#failed.add(nodeId, now + config.redialInitialMs);
    else this.#failed.remove(nodeId);
    const isBack = status === "alive" && (previous === "failed" || previous === "left");
    if (previous === undefined || isBack) this.compareSoon(now);
  }

  forget(nodeId: NodeId): void {
    this.#failed.remove(nodeId);
  }

  /** Asks a member that is not known yet who it is. */
  greet(stranger: KnownReceiver): void {
    const body: Body = { kind: "sync-data", members: [stranger.nodeId], facts: [] };
    this.#core.outbox.sendAll(stranger, body, [this.#selfNews()], MORE_DATA);
  }

  /** If the other's hash differs, offers it everything; says whether it did. */
  onHash(sender: Receiver, hash: Uint8Array, answers: readonly Uint8Array[]): boolean {
    if (equalBytes(hash, this.#hash())) return false;
    this.#offer(sender, answers);
    return true;
  }

  /** Gives the other what it lacks and asks for what is lacking here. `answers` goes along. */
  onOffer(
    sender: Receiver,
    offer: Body & { readonly kind: "sync-offer" },
    answers: readonly Uint8Array[],
  ): void {
    const { facts, outbox, self } = this.#core;
    const members = compareMembers(this.#digests(), offer.members);
    const compared = facts.compare(offer.facts);
    const want = members.want.filter((nodeId) => nodeId !== self.identity.nodeId);
    const news = [
      ...answers,
      ...this.#factNews(compared.give),
      ...members.give.flatMap((id) => this.#memberNews(id)),
    ];
    outbox.sendAll(sender, { kind: "sync-data", members: want, facts: compared.want }, news, MORE_DATA);
  }

  /** A node that is not admitted here, as far as this one knows, may hold the fact that admits it: ask for facts only. */
  onForeignOffer(sender: Receiver, offer: Body & { readonly kind: "sync-offer" }): void {
    const { want } = this.#core.facts.compare(offer.facts);
    if (want.length > 0)
      this.#core.outbox.sendAll(sender, { kind: "sync-data", members: [], facts: want }, [], MORE_DATA);
  }

  /** The other gave what was lacking here; sends what it asked for, and says whether there was any. */
  onData(
    sender: Receiver,
    asked: Body & { readonly kind: "sync-data" },
    answers: readonly Uint8Array[],
  ): boolean {
    const news = [
      ...this.#factNews(asked.facts),
      ...asked.members.flatMap((nodeId) => this.#memberNews(nodeId)),
    ];
    if (news.length === 0) return false;
    this.#core.outbox.sendAll(sender, MORE_DATA, [...answers, ...news], MORE_DATA);
    return true;
  }

  #offer(to: Receiver, answers: readonly Uint8Array[]): void {
    this.#core.outbox.sendAll(to, this.#offerBody(), [...answers, this.#selfNews()], MORE_DATA);
  }

  #dialSeed(seed: Address): void {
    const hasOthers = this.#core.table.reachable().length > 0;
    if (hasOthers && this.#seeds.tries(seed) > SEED_TRIES) return this.#seeds.remove(seed);
    const facts = [...this.#core.facts.all.keys()];
    const factNews = this.#factNews(facts);
    const size = factNews.reduce((sum, news) => sum + news.length, 0);
    const news = size <= JOIN_FACTS_BYTES ? [...factNews, this.#selfNews()] : [this.#selfNews()];
    this.#core.outbox.sendAll({ address: seed }, this.#offerBody(), news, MORE_DATA);
  }

  #compareWithAnyone(): void {
    const members = this.#core.table.reachable().filter(({ status }) => status === "alive");
    const chosen = members[randomInteger(this.#core.rng, members.length)];
    if (chosen) this.#compareWith(chosen.nodeId);
  }

  #compareWith(nodeId: NodeId): void {
    const receiver = receiverOf(this.#core, nodeId);
    if (receiver) sendTo(this.#core, receiver, { kind: "sync-hash", hash: this.#hash() });
  }

  #offerBody(): Body {
    return { kind: "sync-offer", members: this.#digests(), facts: this.#core.facts.digests() };
  }

  #hash(): Uint8Array {
    return syncHash(this.#digests(), this.#core.facts.digests());
  }

  #digests(): readonly MemberDigest[] {
    const { self, table } = this.#core;
    const others = table.members().map(({ nodeId }) => digestOf(table.standing(nodeId)!));
    return [digestOf({ statement: self.statement, accusation: undefined }), ...others];
  }

  #selfNews(): Uint8Array {
    return statementNews(this.#core, this.#core.self.statement);
  }

  #memberNews(nodeId: NodeId): readonly Uint8Array[] {
    if (nodeId === this.#core.self.identity.nodeId) return [this.#selfNews()];
    const standing = this.#core.table.standing(nodeId);
    if (!standing) return [];
    return [statementNews(this.#core, standing.statement), ...accusationsAgainst(this.#core, nodeId)];
  }

  #factNews(keys: readonly string[]): readonly Uint8Array[] {
    return keys.flatMap((key) => {
      const fact = this.#core.facts.all.get(key);
      return fact ? [encodeNews({ kind: "fact", key, bytes: fact.bytes })] : [];
    });
  }

  #intervalMs(): number {
    const { config, table, rng } = this.#core;
    return pushPullIntervalMs(config, table.liveCount) * (0.75 + rng.fraction() / 2);
  }
}

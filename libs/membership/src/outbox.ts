import type { NodeId } from "@cluster-os/identity";
import { BroadcastQueue, retransmitLimit, type TakeOptions } from "./broadcast-queue.ts";
import type { MembershipConfig } from "./config.ts";
import type { Address } from "./member.ts";
import { encodeMessage, type Body } from "./message.ts";
import { NEWS_OVERHEAD_BYTES, roomForNews, splitNews } from "./packing.ts";
import type { MembershipEffect } from "./protocol.ts";
import type { Sealing } from "./sealing.ts";

/** Where a message goes. Without a node ID any member of the cluster at that address can open it. */
export interface Receiver {
  readonly address: Address;
  readonly nodeId?: NodeId;
}

/** A receiver of whom it is known who it is. */
export type KnownReceiver = Receiver & { readonly nodeId: NodeId };

/** With a backlog, as after a join storm, one member gets so many datagrams at a time. */
const DATAGRAMS_PER_GOSSIP = 4;

const GOSSIP: Body = { kind: "gossip" };

/** Seals what is to be sent, fills it up with news that is still to be passed on, and collects the step's effects. */
export class Outbox {
  readonly #config: MembershipConfig;
  readonly #sealing: Sealing;
  readonly #queue = new BroadcastQueue();
  readonly #gossipRoom: number;
  #effects: MembershipEffect[] = [];
  #memberCount = 1;
  /** The newest piece of news that was passed on in a round, and the newest that the present round leaves out. */
  #told = 0;
  #leftOut = 0;

  constructor(config: MembershipConfig, sealing: Sealing) {
    this.#config = config;
    this.#sealing = sealing;
    this.#gossipRoom = roomForNews(GOSSIP, config.datagramBytes);
  }

  get hasNews(): boolean {
    return !this.#queue.isEmpty;
  }

  /** Whether there is news that came after the last round. */
  get hasUntoldNews(): boolean {
    return this.hasNews && this.#queue.newest > this.#told;
  }

  /** A round in which news is passed on: all of it, or what came after the last round only. */
  beginRound(which: "all" | "untold"): void {
    this.#leftOut = which === "all" ? 0 : this.#told;
    this.#told = this.#queue.newest;
  }

  /** How many nodes the news must reach. */
  setMemberCount(memberCount: number): void {
    this.#memberCount = memberCount;
  }

  /** News to pass on; it replaces older news of the same subject. */
  spread(subject: string, news: Uint8Array): void {
    this.#queue.put(subject, news);
  }

  emit(effect: MembershipEffect): void {
    this.#effects.push(effect);
  }

  /** The effects since the last call, in order. */
  takeEffects(): readonly MembershipEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** One message with nothing but `news`: to someone who may not hear it, and then other news would be lost with it. */
  tell(to: Receiver, body: Body, news: readonly Uint8Array[]): void {
    this.#seal(to, body, news);
  }

  /** One message with `first` and as much other news as a datagram holds. */
  send(to: Receiver, body: Body, first: readonly Uint8Array[] = []): void {
    // Mostly there is no news: then there is nothing to measure either.
    if (this.#queue.isEmpty) return this.#seal(to, body, first);
    const used = first.reduce((sum, news) => sum + news.length + NEWS_OVERHEAD_BYTES, 0);
    const room = roomForNews(body, this.#config.datagramBytes) - used;
    const others = room > 0 ? this.#take({ budget: room }) : [];
    this.#seal(to, body, [...first, ...others]);
  }

  /** As many messages as all of `news` needs; those after the first carry `rest` in place of `body`. */
  sendAll(to: Receiver, body: Body, news: readonly Uint8Array[], rest: Body): void {
    const parts = splitNews(news, roomForNews(body, this.#config.streamBytes));
    if (parts.length === 0) return this.#seal(to, body, []);
    for (const [index, part] of parts.entries()) this.#seal(to, index === 0 ? body : rest, part);
  }

  /** Passes news on to one member. What is too large for a datagram goes alone. */
  gossip(to: KnownReceiver): void {
    const room = this.#gossipRoom;
    const after = this.#leftOut;
    this.#sendParts(to, this.#take({ budget: room * DATAGRAMS_PER_GOSSIP, after }), room);
    const large = this.#queue.takeLarge({ largest: this.#largest(), limit: this.#limit(), after });
    if (large) this.#seal(to, GOSSIP, [large]);
  }

  /** Passes news on to one that may be gone, with `first`. Others are told as often as if it had not been. */
  gossipInVain(to: KnownReceiver, first: readonly Uint8Array[]): void {
    const room = this.#gossipRoom;
    const others = this.#take({ budget: room, after: this.#leftOut, isCounted: false });
    this.#sendParts(to, [...first, ...others], room);
  }

  #sendParts(to: Receiver, news: readonly Uint8Array[], room: number): void {
    if (news.length > 0) for (const part of splitNews(news, room)) this.#seal(to, GOSSIP, part);
  }

  #take(options: Pick<TakeOptions, "budget"> & Partial<TakeOptions>): readonly Uint8Array[] {
    return this.#queue.take({
      largest: this.#largest(),
      overhead: NEWS_OVERHEAD_BYTES,
      limit: this.#limit(),
      isCounted: true,
      ...options,
    });
  }

  #largest(): number {
    return this.#gossipRoom - NEWS_OVERHEAD_BYTES;
  }

  #limit(): number {
    return retransmitLimit(this.#config.retransmitFactor, this.#memberCount);
  }

  #seal(to: Receiver, body: Body, news: readonly Uint8Array[]): void {
    const bytes = this.#sealing.seal(encodeMessage({ body, news }), to.nodeId);
    this.#effects.push({ kind: "send", to: to.address, bytes });
  }
}

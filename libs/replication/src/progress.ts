import type { Instant } from "@cluster-os/std";
import { send, type Context } from "./context.ts";
import { encodeDifference } from "./difference.ts";
import { encodeManifest, type Manifest, type ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";

/** Snapshots that differences can be told to. A replica that is further behind is told the whole. */
const RECENT = 8;

interface Offered {
  readonly sequence: number;
  readonly at: Instant;
  /** Since when it has been offered something that it does not keep yet. */
  readonly since: Instant;
}

/**
 * How far the replicas have come in a leader's epoch, and what they are offered: to each one snapshot at a time, as it differs from
 * what it keeps. Who is no further after a while is offered the whole: it may not understand differences, or not have kept the base.
 */
export class Progress {
  readonly #context: Context;
  /** The newest sequence that each keeps. */
  readonly #kept = new Map<ReplicaId, number>();
  readonly #offered = new Map<ReplicaId, Offered>();
  /** Of this epoch, oldest first. */
  #recent: readonly Manifest[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** 0 for nothing of this epoch. */
  of(replica: ReplicaId): number {
    return this.#kept.get(replica) ?? 0;
  }

  /** Who keeps this sequence or a later one. */
  keepers(sequence: number): readonly ReplicaId[] {
    return [...this.#kept].flatMap(([replica, kept]) => (kept >= sequence ? [replica] : []));
  }

  /** It is on the leader's own disk. */
  sealed(manifest: Manifest, others: readonly ReplicaId[], now: Instant): void {
    this.#recent = [...this.#recent, manifest].slice(-RECENT);
    this.#kept.set(this.#context.self, manifest.sequence);
    for (const replica of others) this.#offer(replica, now);
  }

  /** A replica has said how far it has come. */
  acknowledged(replica: ReplicaId, sequence: number, now: Instant): void {
    this.#kept.set(replica, sequence);
    this.#offer(replica, now);
  }

  #offer(to: ReplicaId, now: Instant): void {
    const newest = this.#recent.at(-1);
    const kept = this.of(to);
    if (!newest || kept >= newest.sequence) return;
    const { retryMs, wholeMs } = this.#context.config;
    const before = this.#offered.get(to);
    const isBusy = before !== undefined && kept < before.sequence;
    if (isBusy && now < before.at + retryMs) return;
    const since = isBusy ? before.since : now;
    this.#offered.set(to, { sequence: newest.sequence, at: now, since });
    const base = this.#recent.find(({ sequence }) => sequence === kept);
    const message = base && now < since + wholeMs ? changeOf(base, newest) : offerOf(newest);
    send(this.#context, to, message);
  }
}

function offerOf(manifest: Manifest): Message {
  return { kind: "offer", epoch: manifest.epoch, manifest: encodeManifest(manifest) };
}

function changeOf(base: Manifest, next: Manifest): Message {
  const { epoch, sequence } = next;
  return { kind: "change", epoch, base: base.sequence, sequence, difference: encodeDifference(base, next) };
}

import type { Instant } from "@cluster-os/std";
import { earliest, send, type Context } from "./context.ts";
import { sameEntries, type Entry } from "./entry.ts";
import { positionOf, type Manifest, type ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import type { Position } from "./position.ts";
import { Progress } from "./progress.ts";
import type { Readings } from "./readings.ts";

export interface LeaderOptions {
  readonly context: Context;
  readonly epoch: number;
  readonly replicas: readonly ReplicaId[];
  readonly readings: Readings;
}

/**
 * Reads the directory when it changed, writes a snapshot to its own disk first and then offers it to the others. A snapshot is
 * acknowledged when a majority of the replicas that it names has it on disk.
 */
export class Leader {
  readonly epoch: number;
  readonly #context: Context;
  readonly #readings: Readings;
  #replicas: readonly ReplicaId[];
  #wish: readonly ReplicaId[] | undefined;
  /** The newest of this epoch on this machine's own disk. */
  #sealed: Manifest | undefined;
  #sealing: Manifest | undefined;
  /** Waits until a disk that failed is tried again. */
  #sealAt: Instant = Infinity;
  /** Sealed and not acknowledged yet, oldest first. */
  #open: readonly Manifest[] = [];
  #acknowledged: Position | undefined;
  #mustSeal = true;
  readonly #progress: Progress;
  #announceAt: Instant = Infinity;

  constructor({ context, epoch, replicas, readings }: LeaderOptions) {
    this.#context = context;
    this.epoch = epoch;
    this.#replicas = replicas;
    this.#readings = readings;
    this.#progress = new Progress(context);
  }

  get isLeading(): boolean {
    return this.#acknowledged !== undefined;
  }

  get acknowledged(): Position | undefined {
    return this.#acknowledged;
  }

  /** The snapshot that holds what the last reading found. */
  get latest(): Position | undefined {
    if (this.#sealing) return positionOf(this.#sealing);
    return this.#sealed && !this.#mustSeal ? positionOf(this.#sealed) : undefined;
  }

  get followers(): Readonly<Record<ReplicaId, number>> {
    return Object.fromEntries(this.#others().map((replica) => [replica, this.#progress.of(replica)]));
  }

  get wakeAt(): Instant {
    return earliest(this.#announceAt, this.#sealAt, this.#readings.wakeAt(this.#isPaced, this.#paceAt));
  }

  get targets(): readonly Manifest[] {
    return this.#sealing ? [this.#sealing] : [];
  }

  /** The directory is what this snapshot says: the first of this epoch is the same again, under the new leader's name. */
  beginWith(manifest: Manifest, now: Instant): void {
    this.#readings.start(now);
    this.#seal(manifest.entries, manifest.replicas, now);
  }

  /** The directory is this leader's already, or the first there is: it is read as it lies there. */
  beginAsItLies(now: Instant): void {
    this.#readings.start(now);
    this.#readings.changed(now);
    this.#read(now);
  }

  wish(replicas: readonly ReplicaId[], now: Instant): void {
    this.#wish = replicas;
    this.#announceAt = Math.min(this.#announceAt, now);
    this.#changeSet(now);
  }

  captured(entries: readonly Entry[], now: Instant): void {
    const isNews = !this.#sealed || !sameEntries(entries, this.#sealed.entries);
    if (isNews || this.#mustSeal) this.#seal(entries, this.#replicas, now);
    else this.#changeSet(now);
  }

  committed(manifest: Manifest, now: Instant): void {
    if (manifest !== this.#sealing) return this.#trySeal(now);
    this.#sealing = undefined;
    this.#sealed = manifest;
    this.#mustSeal = false;
    this.#open = [...this.#open, manifest];
    this.#progress.sealed(manifest, this.#others(), now);
    this.#announceAt = now + this.#context.config.retryMs;
    this.#countAcknowledgements(now);
  }

  commitFailed(manifest: Manifest | undefined, now: Instant): void {
    if (manifest === this.#sealing) this.#sealAt = now + this.#context.config.diskRetryMs;
    else this.#trySeal(now);
  }

  hear(from: ReplicaId, message: Message, now: Instant): void {
    if (message.kind !== "ack" || message.epoch !== this.epoch) return;
    this.#progress.acknowledged(from, message.sequence, now);
    this.#countAcknowledgements(now);
  }

  wake(now: Instant): void {
    if (now >= this.#sealAt) {
      this.#sealAt = Infinity;
      this.#trySeal(now);
    }
    if (now >= this.#announceAt) this.#announce(now);
    this.#read(now);
  }

  get #isPaced(): boolean {
    return this.#sealing !== undefined;
  }

  /** While a majority does not have the last snapshot yet, another one waits: what changes meanwhile goes into one. */
  get #paceAt(): Instant {
    return this.#open.length === 0 ? -Infinity : this.#readings.lastAt + this.#context.config.paceMs;
  }

  #read(now: Instant): void {
    if (!this.#sealing) this.#readings.readIfDue(now, this.#paceAt);
  }

  #seal(entries: readonly Entry[], replicas: readonly ReplicaId[], now: Instant): void {
    const { self, name, shelf } = this.#context;
    // Not the name of one of this epoch that was damaged here: another machine may keep it.
    const lost = shelf.lost?.epoch === this.epoch ? shelf.lost.sequence : 0;
    const sequence = Math.max(shelf.newest?.sequence ?? 0, lost) + 1;
    this.#replicas = replicas;
    this.#sealing = { name, epoch: this.epoch, sequence, leader: self, replicas, entries };
    this.#trySeal(now);
  }

  #trySeal(now: Instant): void {
    const { shelf } = this.#context;
    if (!this.#sealing || shelf.committing || this.#sealAt !== Infinity) return;
    if (shelf.missing(this.#sealing).length === 0) return this.#context.emit(shelf.commit(this.#sealing));
    // Blocks were found damaged meanwhile: the directory has them, if it still looks so.
    this.#sealing = undefined;
    this.#mustSeal = true;
    this.#readings.changed(now);
  }

  #others(): readonly ReplicaId[] {
    return [...new Set([...this.#replicas, ...(this.#wish ?? [])])].filter(
      (replica) => replica !== this.#context.self,
    );
  }

  /** To those that are behind often, to all of them now and then: one of them may have lost what it had. */
  #announce(now: Instant): void {
    const { retryMs, announceMs } = this.#context.config;
    const sealed = this.#sealed;
    if (!sealed) return void (this.#announceAt = Infinity);
    for (const replica of this.#others()) {
      send(this.#context, replica, { kind: "announce", epoch: this.epoch, sequence: sealed.sequence });
    }
    const areAllCurrent = this.#others().every((replica) => this.#progress.of(replica) === sealed.sequence);
    this.#announceAt = now + (areAllCurrent ? announceMs : retryMs);
  }

  #countAcknowledgements(now: Instant): void {
    const { rules } = this.#context;
    const at = this.#open.findLastIndex(({ replicas, sequence }) => {
      const have = replicas.filter((replica) => this.#progress.of(replica) >= sequence);
      return have.length >= rules.majority(replicas.length);
    });
    const manifest = this.#open[at];
    if (manifest) {
      const isFirst = !this.isLeading;
      const position = positionOf(manifest);
      const { replicas } = manifest;
      this.#open = this.#open.slice(at + 1);
      this.#acknowledged = position;
      this.#context.emit({ kind: "acknowledged", position, replicas });
      if (isFirst) this.#context.emit({ kind: "leading", position, replicas });
    }
    this.#changeSet(now);
    this.#read(now);
  }

  /** One change at a time, and the first only when a majority has a snapshot of this very leader. */
  #changeSet(now: Instant): void {
    const sealed = this.#sealed;
    if (!this.#wish || !sealed || this.#sealing || this.#open.length > 0 || this.#readings.isReading) return;
    const current = this.#progress.keepers(sealed.sequence);
    const change = { now: sealed.replicas, wish: this.#wish, leader: this.#context.self, current };
    const next = this.#context.rules.nextReplicas(change);
    if (next) this.#seal(sealed.entries, next, now);
  }
}

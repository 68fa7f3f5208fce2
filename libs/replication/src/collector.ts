import type { Instant } from "@cluster-os/std";
import { send, type Context } from "./context.ts";
import { hashOf, type Hash } from "./entry.ts";
import { positionOf, type Manifest, type ReplicaId } from "./manifest.ts";
import { comparePositions, reaches, type Position } from "./position.ts";

interface Target {
  readonly manifest: Manifest;
  /** Whom to ask, in turns. */
  readonly sources: readonly ReplicaId[];
  /** Under which epoch. */
  readonly epoch: number;
}

/**
 * Brings one snapshot after the other to this machine's disk: asks for the blocks that are not here, checks each by its name,
 * and has the manifest written when none is missing. A snapshot that has begun is finished, unless nothing comes any more:
 * else a directory that never rests would never be whole here.
 */
export class Collector {
  readonly #context: Context;
  #target: Target | undefined;
  /** A newer one, for afterwards. */
  #next: Target | undefined;
  /** Asked for and not here yet. */
  readonly #asked = new Set<Hash>();
  #turn = 0;
  #askAt: Instant = Infinity;
  #commitAt: Instant = Infinity;

  constructor(context: Context) {
    this.#context = context;
  }

  get wakeAt(): Instant {
    return Math.min(this.#askAt, this.#commitAt);
  }

  get isBusy(): boolean {
    return this.#target !== undefined;
  }

  /** Snapshots whose blocks must not be thrown away. */
  get targets(): readonly Manifest[] {
    return [this.#target, this.#next].flatMap((target) => (target ? [target.manifest] : []));
  }

  /** Whether this very snapshot is on its way here. */
  collects(position: Position): boolean {
    return this.targets.some((manifest) => comparePositions(manifest, position) === 0);
  }

  collect(target: Target, now: Instant): void {
    const current = this.#target;
    if (current && comparePositions(current.manifest, target.manifest) === 0) return;
    if (!current) return this.#begin(target, now);
    if (current.epoch < target.epoch && !this.#context.shelf.committing) return this.#begin(target, now);
    if (!this.#next || comparePositions(this.#next.manifest, target.manifest) < 0) this.#next = target;
  }

  /** Forgets what it was about; what the disk is busy with comes to an end by itself. */
  stop(): void {
    this.#target = undefined;
    this.#next = undefined;
    this.#asked.clear();
    this.#askAt = Infinity;
    this.#commitAt = Infinity;
  }

  receive(blocks: readonly Uint8Array[], now: Instant): void {
    if (!this.#target) return;
    const { shelf, rules, config } = this.#context;
    const wanted = new Set(shelf.missing(this.#target.manifest));
    if (wanted.size === 0) return;
    for (const bytes of blocks) {
      const hash = this.#nameOf(bytes, wanted, rules.isSound);
      if (hash === undefined) continue;
      wanted.delete(hash);
      this.#asked.delete(hash);
      this.#askAt = now + config.retryMs;
      this.#context.emit(shelf.put(hash, bytes));
    }
    if (this.#asked.size === 0) this.#goOn(now);
  }

  /** The disk has done what it was asked for, by this or by somebody else. */
  diskIsFree(now: Instant): void {
    if (this.#askAt === Infinity && this.#commitAt === Infinity) this.#goOn(now);
  }

  commitFailed(now: Instant): void {
    if (this.#target) this.#commitAt = now + this.#context.config.diskRetryMs;
  }

  wake(now: Instant): void {
    if (now >= this.#commitAt) {
      this.#commitAt = Infinity;
      this.#goOn(now);
    }
    if (now < this.#askAt) return;
    // Nothing came for a while: whoever was asked may have thrown away what is old.
    this.#turn += 1;
    const next = this.#next;
    if (next) this.#begin(next, now);
    else {
      this.#asked.clear();
      this.#goOn(now);
    }
  }

  #begin(target: Target, now: Instant): void {
    this.#target = target;
    this.#next = undefined;
    this.#asked.clear();
    this.#goOn(now);
  }

  #goOn(now: Instant): void {
    const target = this.#target;
    const { shelf, config } = this.#context;
    if (!target) return;
    const missing = shelf.missing(target.manifest);
    this.#askAt = Infinity;
    if (missing.length > 0) {
      const to = target.sources[this.#turn % target.sources.length];
      this.#askAt = now + config.retryMs;
      const hashes = missing.slice(0, config.blocksAtOnce);
      for (const hash of hashes) this.#asked.add(hash);
      if (to !== undefined) send(this.#context, to, { kind: "want", epoch: target.epoch, hashes });
      return;
    }
    // The disk does one thing at a time, and tells when it is done.
    if (shelf.committing) return;
    if (reaches(shelf.newest && positionOf(shelf.newest), target.manifest)) return this.#finish(now);
    this.#context.emit(shelf.commit(target.manifest));
  }

  #finish(now: Instant): void {
    const next = this.#next;
    this.stop();
    if (next) this.collect(next, now);
  }

  #nameOf(
    bytes: Uint8Array,
    wanted: ReadonlySet<Hash>,
    isSound: (hash: Hash, bytes: Uint8Array) => boolean,
  ): Hash | undefined {
    const hash = hashOf(bytes);
    if (wanted.has(hash)) return hash;
    // A sound rule never gets here with a true answer; a broken one takes anything for what it waits for.
    const [first] = wanted;
    return first !== undefined && isSound(first, bytes) ? first : undefined;
  }
}

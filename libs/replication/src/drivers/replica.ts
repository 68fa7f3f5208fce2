import { describeError, type Clock, type Logger } from "@cluster-os/std";
import { systemClock } from "@cluster-os/std/drivers";
import type { ReplicationConfig } from "../config.ts";
import type { ReplicaId } from "../manifest.ts";
import { decodeMessage, encodeMessage } from "../message.ts";
import type { ReplicaReport } from "../newest.ts";
import { reaches, showPosition, type Position } from "../position.ts";
import type { Nomination, ReplicationEffect, ReplicationInput, ReplicationStatus } from "../protocol.ts";
import type { ReadingOrder } from "../reading-order.ts";
import { Replication } from "../replication.ts";
import type { Store } from "../store/store.ts";
import type { Transport } from "../transport.ts";
import { DiskWork } from "./disk-work.ts";
import type { Owner } from "./restore-directory.ts";

export interface ReplicaOptions {
  readonly self: ReplicaId;
  /** Which directory, such as "slurmctld": the same on all machines. */
  readonly name: string;
  /** The directory itself: read while this machine leads, replaced when it is about to. */
  readonly directory: string;
  readonly order: ReadingOrder;
  readonly store: Store;
  readonly transport: Transport;
  readonly logger: Logger;
  /** Whose files those of a restored directory become. */
  readonly owner?: Owner;
  readonly clock?: Clock;
  readonly config?: Partial<ReplicationConfig>;
}

/** This machine leads: the directory is in place. */
export interface Leadership {
  readonly epoch: number;
  readonly replicas: readonly ReplicaId[];
  /** Aborted when it leads no longer: what works on the directory must stop at once. */
  readonly signal: AbortSignal;
}

/** This machine does not lead, or leads no longer. */
export class NotLeadingError extends Error {
  override readonly name = "NotLeadingError";
}

/** Runs one machine's part: starts as a follower. */
export function openReplica(options: ReplicaOptions): Replica {
  return new Replica(options);
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The effects of the core, carried out: messages by the transport, the rest by the disk, one after the other. */
export class Replica implements AsyncDisposable {
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #core: Replication;
  readonly #disk: DiskWork;
  readonly #listening: Disposable;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = true;
  #epoch: number | undefined;
  #replicas: readonly ReplicaId[] = [];
  #end: AbortController | undefined;
  #acknowledged: Position | undefined;
  #nominated: { readonly epoch: number; readonly settle: PromiseWithResolvers<Leadership> } | undefined;
  /** Called when a reading that began after they came is over. */
  #flushes: { isRead: boolean; goal: Position | undefined; readonly waiter: Waiter }[] = [];

  constructor(options: ReplicaOptions) {
    const { self, name, store, config, transport, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#core = new Replication({
      self,
      name,
      inventory: store.inventory,
      ...(config ? { config } : {}),
      now: clock.now(),
    });
    this.#disk = new DiskWork({ ...options, clock }, (input) => this.#step(input));
    this.#listening = transport.listen((from, bytes) => this.#hear(from, bytes));
    this.#schedule();
  }

  /** What to tell whoever nominates. */
  report(): ReplicaReport {
    return this.#core.report();
  }

  status(): ReplicationStatus {
    return this.#core.status();
  }

  /**
   * Leads under this epoch: resolves when the directory is in place and a majority knows it. Call it only while nothing works on
   * the directory, unless what works on it was started under this very epoch. Rejects with NotLeadingError when somebody else has
   * the epoch or a higher one; waits as long as no majority answers (`status()` says for whom), until `signal` ends it.
   */
  async lead(nomination: Nomination, signal: AbortSignal): Promise<Leadership> {
    signal.throwIfAborted();
    if (this.#epoch === nomination.epoch && this.#end) return this.#leadership();
    this.#nominated?.settle.reject(new NotLeadingError(`nominated again, for epoch ${nomination.epoch}`));
    const settle = Promise.withResolvers<Leadership>();
    this.#nominated = { epoch: nomination.epoch, settle };
    const stop = (): void => {
      if (this.#nominated?.settle !== settle) return;
      this.follow();
      settle.reject(signal.reason as Error);
    };
    signal.addEventListener("abort", stop, { once: true });
    this.#step({ kind: "lead", nomination });
    try {
      return await settle.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Leads no longer. What is not yet read of the directory is not kept: `flush` first. */
  follow(): void {
    this.#step({ kind: "follow" });
    this.#ended("it was told to follow");
  }

  /** Brings the replica set to this, one machine at a time. Only a leader does; another one remembers it. */
  wishReplicas(replicas: readonly ReplicaId[]): void {
    this.#step({ kind: "wish-replicas", replicas });
  }

  /**
   * Resolves when everything that lies in the directory at this moment is on a majority's disks. For planned moves: stop what works
   * on the directory, flush, nominate another machine.
   */
  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#end) throw new NotLeadingError("only a leader flushes");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const flush = { isRead: false, goal: undefined, waiter: { resolve, reject } };
    this.#flushes.push(flush);
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    this.#disk.lookAtAll();
    this.#step({ kind: "changed" });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#flushes = this.#flushes.filter((other) => other !== flush);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#listening[Symbol.dispose]();
    this.#ended("the replica is closed");
    await this.#disk[Symbol.asyncDispose]();
  }

  #hear(from: ReplicaId, bytes: Uint8Array): void {
    try {
      const { name, message } = decodeMessage(bytes);
      if (name === this.#options.name) this.#step({ kind: "message", from, message });
    } catch (error) {
      this.#options.logger.warn("message of a replica dropped", { from, error: describeError(error) });
    }
  }

  #step(input: ReplicationInput): void {
    if (!this.#isOpen) return;
    const effects = this.#core.step(input, this.#clock.now());
    for (const effect of effects) this.#carryOut(effect);
    if (input.kind === "captured") this.#read();
    this.#schedule();
  }

  #carryOut(effect: ReplicationEffect): void {
    const { transport, name, logger } = this.#options;
    switch (effect.kind) {
      case "send":
        return transport.send(effect.to, encodeMessage(name, effect.message));
      case "leading":
        logger.info("leads", { name, position: showPosition(effect.position), replicas: effect.replicas });
        return this.#leads(effect.position.epoch, effect.replicas);
      case "acknowledged":
        this.#acknowledged = effect.position;
        return this.#settleFlushes();
      case "deposed":
        logger.warn("does not lead", { name, epoch: effect.epoch, reason: effect.reason });
        if (this.#nominated?.epoch === effect.epoch) this.#ended(effect.reason);
        else this.#endLeadership(new NotLeadingError(effect.reason));
        return;
      case "capture":
        // What is asked to be flushed from here on waits for the reading after this one.
        for (const flush of this.#flushes) flush.isRead = true;
        return this.#disk.add(effect);
      default:
        return this.#disk.add(effect);
    }
  }

  #leads(epoch: number, replicas: readonly ReplicaId[]): void {
    this.#epoch = epoch;
    this.#replicas = replicas;
    this.#end = new AbortController();
    const nominated = this.#nominated;
    this.#nominated = undefined;
    nominated?.settle.resolve(this.#leadership());
  }

  #leadership(): Leadership {
    const signal = this.#end?.signal ?? AbortSignal.abort();
    return { epoch: this.#epoch ?? 0, replicas: this.#replicas, signal };
  }

  #ended(reason: string): void {
    const error = new NotLeadingError(reason);
    this.#nominated?.settle.reject(error);
    this.#nominated = undefined;
    this.#endLeadership(error);
  }

  #endLeadership(error: NotLeadingError): void {
    this.#end?.abort(error);
    this.#end = undefined;
    this.#epoch = undefined;
    for (const { waiter } of this.#flushes.splice(0)) waiter.reject(error);
  }

  /** A reading is over: flushes that came before it began know which snapshot they wait for. */
  #read(): void {
    for (const flush of this.#flushes) if (flush.isRead) flush.goal ??= this.#core.latest;
    this.#settleFlushes();
  }

  #settleFlushes(): void {
    for (const { goal, waiter } of this.#flushes) {
      if (goal && reaches(this.#acknowledged, goal)) waiter.resolve();
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { wakeAt } = this.#core;
    if (!this.#isOpen || wakeAt === Infinity) return;
    this.#timer = setTimeout(
      () => this.#step({ kind: "wake" }),
      Math.max(0, Math.ceil(wakeAt - this.#clock.now())),
    );
    this.#timer.unref();
  }
}

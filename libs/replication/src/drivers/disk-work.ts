import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import type { Hash } from "../entry.ts";
import { blocksOf, type Manifest, type ReplicaId } from "../manifest.ts";
import { encodeMessage } from "../message.ts";
import type { ReplicationEffect, ReplicationInput } from "../protocol.ts";
import type { ReadingOrder } from "../reading-order.ts";
import type { Store } from "../store/store.ts";
import type { Transport } from "../transport.ts";
import { DirectoryReader } from "./read-directory.ts";
import { RestoreError, restoreDirectory, type Owner } from "./restore-directory.ts";
import { DirectoryWatch } from "./watch-directory.ts";

/** What the disk is asked for. */
export type DiskEffect = Exclude<
  ReplicationEffect,
  { kind: "send" | "leading" | "acknowledged" | "deposed" }
>;

export interface DiskWorkOptions {
  readonly name: string;
  readonly directory: string;
  readonly order: ReadingOrder;
  readonly store: Store;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly owner?: Owner;
  readonly clock: Clock;
}

/** One `blocks` message carries about so many bytes at most. */
const BYTES_PER_MESSAGE = 2 * 1024 * 1024;
const PROMISE_RETRY_MS = 2_000;
/** Readings that are not thorough go on for no longer than this. */
const THOROUGH_EVERY_MS = 5_000;

/** One thing after the other, in the order in which the core asked. What comes of it is told to the core. */
export class DiskWork implements AsyncDisposable {
  readonly #options: DiskWorkOptions;
  readonly #tell: (input: ReplicationInput) => void;
  readonly #reader: DirectoryReader;
  readonly #watch: DirectoryWatch;
  #last: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();
  /** Blocks that the disk refused, and why: told when the snapshot that needs them is to be written. */
  readonly #refused = new Map<Hash, string>();
  /** When a reading last looked at everything. */
  #thoroughAt: Instant = -Infinity;

  constructor(options: DiskWorkOptions, tell: (input: ReplicationInput) => void) {
    const { directory, order, store } = options;
    this.#options = options;
    this.#tell = tell;
    this.#reader = new DirectoryReader(directory, order, store);
    this.#watch = new DirectoryWatch(directory, order, () => tell({ kind: "changed" }));
  }

  /** The next reading takes nothing for what it was. */
  lookAtAll(): void {
    this.#thoroughAt = -Infinity;
  }

  add(effect: DiskEffect): void {
    // Others wait for these, and a long reading may be under way: nothing that is being read or written minds.
    if (effect.kind === "supply") return void this.#supply(effect.to, effect.epoch, effect.hashes);
    this.#last = this.#last.then(async () => {
      if (this.#closing.signal.aborted) return;
      const input = await this.#do(effect);
      if (input && !this.#closing.signal.aborted) this.#tell(input);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the replica is closed"));
    await this.#last;
    this.#watch[Symbol.dispose]();
  }

  async #do(effect: Exclude<DiskEffect, { kind: "supply" }>): Promise<ReplicationInput | undefined> {
    const { store } = this.#options;
    switch (effect.kind) {
      case "promise":
        return this.#promise(effect);
      case "put":
        return this.#put(effect.hash, effect.bytes);
      case "commit":
        return this.#commit(effect.manifest);
      case "discard":
        await store.discard(effect.positions, effect.hashes).catch((error: unknown) => {
          this.#options.logger.warn("old snapshots not removed", { error: describeError(error) });
        });
        return undefined;
      case "capture":
        return this.#capture(effect.ticket);
      case "restore":
        return this.#restore(effect.manifest);
      default:
        return effect satisfies never;
    }
  }

  /** A promise that is not on disk is never told. Until it is, this machine is as one that does not answer. */
  async #promise({
    promise,
  }: Extract<DiskEffect, { kind: "promise" }>): Promise<ReplicationInput | undefined> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#options.store.promise(promise);
        return { kind: "promised", epoch: promise.epoch };
      } catch (error) {
        this.#options.logger.error("promise not written", {
          epoch: promise.epoch,
          error: describeError(error),
        });
        await delay(PROMISE_RETRY_MS, this.#closing.signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #put(hash: Hash, bytes: Uint8Array): Promise<undefined> {
    try {
      await this.#options.store.put(hash, bytes);
      this.#refused.delete(hash);
    } catch (error) {
      this.#refused.set(hash, describeError(error));
    }
  }

  async #commit(manifest: Manifest): Promise<ReplicationInput> {
    const position = manifest;
    const refused = [...blocksOf(manifest)].filter((hash) => this.#refused.has(hash));
    try {
      const [first] = refused;
      if (first !== undefined) throw new Error(this.#refused.get(first));
      await this.#options.store.commit(manifest);
      return { kind: "committed", position };
    } catch (error) {
      if (refused.length > 0) this.#tell({ kind: "damaged", hashes: refused });
      for (const hash of refused) this.#refused.delete(hash);
      return { kind: "commit-failed", position, reason: describeError(error) };
    }
  }

  async #supply(to: ReplicaId, epoch: number, hashes: readonly Hash[]): Promise<void> {
    const { store, transport, name } = this.#options;
    const damaged: Hash[] = [];
    let blocks: Uint8Array[] = [];
    let size = 0;
    const send = (): void => {
      if (blocks.length > 0) transport.send(to, encodeMessage(name, { kind: "blocks", epoch, blocks }));
      blocks = [];
      size = 0;
    };
    // What was let go of meanwhile is not damaged.
    for (const hash of hashes.filter((wanted) => store.has(wanted))) {
      const bytes = await store.read(hash);
      if (!bytes) {
        damaged.push(hash);
        continue;
      }
      if (size + bytes.length > BYTES_PER_MESSAGE) send();
      blocks.push(bytes);
      size += bytes.length;
    }
    send();
    if (damaged.length > 0) this.#tell({ kind: "damaged", hashes: damaged });
  }

  async #capture(ticket: number): Promise<ReplicationInput> {
    try {
      await this.#watch.refresh();
      const now = this.#options.clock.now();
      const isThorough = now - this.#thoroughAt >= THOROUGH_EVERY_MS;
      if (isThorough) this.#thoroughAt = now;
      return { kind: "captured", ticket, entries: await this.#reader.read(isThorough) };
    } catch (error) {
      return { kind: "capture-failed", ticket, reason: describeError(error) };
    }
  }

  async #restore(manifest: Manifest): Promise<ReplicationInput> {
    const { directory, store, owner } = this.#options;
    try {
      this.#watch.reset();
      this.lookAtAll();
      await restoreDirectory({ directory, manifest, store, ...(owner ? { owner } : {}) });
      await this.#watch.refresh();
      return { kind: "restored", position: manifest };
    } catch (error) {
      if (error instanceof RestoreError && error.damaged.length > 0) {
        this.#tell({ kind: "damaged", hashes: error.damaged });
      }
      return { kind: "restore-failed", position: manifest, reason: describeError(error) };
    }
  }
}

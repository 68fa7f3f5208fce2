import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { createHash } from "node:crypto";
import { BLOCK_BYTES, hashOf, sameEntry, sortEntries, type Entry, type Hash } from "../entry.ts";
import { mayVanish, planReading, type ReadingOrder, type ReadStep } from "../reading-order.ts";
import type { Store } from "../store/store.ts";
import { ageOf, DirectoryLister, orMissing, settledStampOf, stampOf } from "./list-directory.ts";

/** The directory could not be read as it has to be: something that lasts is missing, or a file changed under the reader. */
export class ReadingError extends Error {
  override readonly name = "ReadingError";
}

/**
 * After so many files others get a turn. Between turns it does not wait: a look at a file takes microseconds, and to be told of it
 * by an event a hundred times that.
 */
const FILES_PER_TURN = 100;
const TRIES = 3;
/** Who writes something once is not held up for longer than this while at it, in milliseconds; if so, the next thorough look tells. */
const AGED_MS = 10_000;

interface Known {
  /** Undefined where it has to be read again. */
  readonly stamp: string | undefined;
  /** Whether it need not be looked at each time. */
  readonly isAged: boolean;
  readonly entry: Extract<Entry, { kind: "file" }>;
}

/**
 * Reads a directory by its reading order and puts what is new into the store. What has not changed since the last reading, by the
 * file's inode, size and times, is not read again.
 */
export class DirectoryReader {
  readonly #directory: string;
  readonly #order: ReadingOrder;
  readonly #store: Store;
  readonly #agedMs: number;
  readonly #lister: DirectoryLister;
  #known = new Map<string, Known>();
  /** What the last reading found. */
  #before: ReadonlyMap<string, Entry>;
  #sinceTurn = 0;
  #isThorough = true;

  constructor(
    directory: string,
    order: ReadingOrder,
    store: Store,
    options: { readonly agedMs?: number } = {},
  ) {
    this.#directory = directory;
    this.#order = order;
    this.#store = store;
    this.#agedMs = options.agedMs ?? AGED_MS;
    this.#lister = new DirectoryLister(directory, order, {
      giveTurn: () => this.#giveTurn(),
      isAged: (path, stats) => this.#isAged(path, stats),
    });
    this.#before = byPath(store.inventory.snapshots.at(-1)?.entries ?? []);
  }

  /**
   * Throws ReadingError when the directory is in the middle of something; try again soon. If it is not thorough, what is written once
   * and has been as it is for long is taken to be so still: of thousands of files, a few are new.
   */
  async read(isThorough = true): Promise<readonly Entry[]> {
    this.#isThorough = isThorough;
    const known = new Map<string, Known>();
    const entries = new Map<string, Entry>();
    // What has to be read first is at the top; the rest is listed only when that is read.
    await this.#readAll(
      planReading(this.#order, this.#lister.top(), [...this.#before.keys()]),
      known,
      entries,
      (path) => this.#order.stages.some((stage) => stage.test(path)),
    );
    const all = await this.#lister.all(isThorough);
    for (const folder of all.folders) entries.set(folder.path, folder);
    for (const link of all.links) entries.set(link.path, link);
    await this.#readAll(
      planReading(this.#order, all.files, [...this.#before.keys()]),
      known,
      entries,
      (path) => !entries.has(path),
    );
    this.#known = known;
    const sorted = sortEntries([...entries.values()]).map((entry) => this.#asBefore(entry));
    this.#before = byPath(sorted);
    return sorted;
  }

  /** What has not changed is the same object from one reading to the next: so it is encoded only once. */
  #asBefore(entry: Entry): Entry {
    const before = this.#before.get(entry.path);
    return before && sameEntry(before, entry) ? before : entry;
  }

  async #readAll(
    steps: readonly ReadStep[],
    known: Map<string, Known>,
    entries: Map<string, Entry>,
    isWanted: (path: string) => boolean,
  ): Promise<void> {
    for (const step of steps.filter(({ path }) => isWanted(path))) {
      const read = await this.#readFile(step);
      if (read) {
        known.set(step.path, read);
        entries.set(step.path, read.entry);
      } else if (!mayVanish(this.#order, step.path)) {
        throw new ReadingError(`${step.path} is missing, under every name that it may have`);
      }
      await this.#giveTurn();
    }
  }

  async #giveTurn(): Promise<void> {
    this.#sinceTurn += 1;
    if (this.#sinceTurn % FILES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async #readFile({ path, sources }: ReadStep): Promise<Known | undefined> {
    const before = this.#isThorough ? undefined : this.#known.get(path);
    if (before?.isAged && this.#isStored(before)) return before;
    for (const source of sources) {
      const place = `${this.#directory}/${source}`;
      const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
      if (!stats) continue;
      const known = this.#unchanged(path, stats);
      if (known) return known;
      const file = openIfThere(place);
      if (file === undefined) continue;
      try {
        return await this.#readOpen(path, file);
      } finally {
        closeSync(file);
      }
    }
    return undefined;
  }

  #unchanged(path: string, stats: BigIntStats): Known | undefined {
    const known = this.#known.get(path);
    if (known?.stamp !== stampOf(stats) || !this.#isStored(known)) return undefined;
    return { ...known, isAged: this.#isAged(path, stats) };
  }

  #isAged(path: string, stats: BigIntStats): boolean {
    return this.#order.writtenOnce.test(path) && ageOf(stats) > this.#agedMs;
  }

  #isStored({ entry }: Known): boolean {
    return entry.blocks.every((hash) => this.#store.has(hash));
  }

  async #readOpen(path: string, file: number): Promise<Known> {
    for (let attempt = 1; ; attempt += 1) {
      const stats = fstatSync(file, { bigint: true });
      const entry = await this.#take(path, file, stats);
      const after = fstatSync(file, { bigint: true });
      if (after.mtimeNs === stats.mtimeNs && after.size === stats.size) {
        return { stamp: settledStampOf(stats), isAged: false, entry };
      }
      if (attempt === TRIES) throw new ReadingError(`${path} is being written`);
    }
  }

  async #take(path: string, file: number, { size, mode }: BigIntStats): Promise<Known["entry"]> {
    const whole = createHash("sha256");
    const blocks: Hash[] = [];
    let read = 0;
    while (read < Number(size)) {
      const block = Buffer.alloc(Math.min(BLOCK_BYTES, Number(size) - read));
      const count = readFully(file, block, read);
      if (count < block.length) throw new ReadingError(`${path} became shorter while it was read`);
      read += count;
      whole.update(block);
      const hash = hashOf(block);
      blocks.push(hash);
      if (!this.#store.has(hash)) await this.#store.put(hash, block);
    }
    return { kind: "file", path, mode: Number(mode) & 0o7777, size: read, hash: whole.digest("hex"), blocks };
  }
}

function byPath(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.path, entry]));
}

function openIfThere(path: string): number | undefined {
  return orMissing(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW));
}

function readFully(file: number, into: Buffer, position: number): number {
  let count = 0;
  while (count < into.length) {
    const more = readSync(file, into, count, into.length - count, position + count);
    if (more === 0) break;
    count += more;
  }
  return count;
}

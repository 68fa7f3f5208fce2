import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";
import type { Entry } from "../entry.ts";
import { isKept, type ReadingOrder } from "../reading-order.ts";

type Folder = Extract<Entry, { kind: "folder" }>;
type Link = Extract<Entry, { kind: "link" }>;

/** What a directory has, at any depth. Files by their paths. */
export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly Folder[];
  readonly links: readonly Link[];
}

/** What one folder has, by paths from the top. */
interface Contents {
  readonly files: string[];
  readonly folders: string[];
  readonly links: Link[];
}

/** A folder that was listed when its times told. */
interface KnownFolder {
  readonly stamp: string;
  readonly isAged: boolean;
  readonly folder: Folder;
  readonly contents: Contents;
}

/** What changed less than this before it was looked at may change again without its times telling, in milliseconds. */
const SETTLED_MS = 100;

/**
 * Lists a directory, with what a reading order keeps of it. A folder that has not changed since it was listed, by its inode and times, is
 * not listed again: of thousands of jobs, each with a folder, few are new.
 */
export class DirectoryLister {
  readonly #directory: string;
  readonly #order: ReadingOrder;
  readonly #giveTurn: () => Promise<void>;
  readonly #isAged: (path: string, stats: BigIntStats) => boolean;
  #known = new Map<string, KnownFolder>();

  /** `giveTurn` is called at every piece of the listing, and may let others run. */
  constructor(
    directory: string,
    order: ReadingOrder,
    options: {
      readonly giveTurn: () => Promise<void>;
      /** Whether this is not to be looked at each time any more. */
      readonly isAged: (path: string, stats: BigIntStats) => boolean;
    },
  ) {
    this.#directory = directory;
    this.#order = order;
    this.#giveTurn = options.giveTurn;
    this.#isAged = options.isAged;
  }

  /** The paths of the files that are in no folder. */
  top(): readonly string[] {
    return this.#contentsOf("").files;
  }

  /** `isThorough`: nothing is taken for what it was because it has been so for long. */
  async all(isThorough: boolean): Promise<Listing> {
    const { files, folders, links } = this.#contentsOf("");
    const listing = { files: [...files], folders: [] as Folder[], links: [...links] };
    const known = new Map<string, KnownFolder>();
    const waiting = [...folders];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      await this.#giveTurn();
      const found = this.#look(path, isThorough);
      if (!found) continue;
      if (found.stamp !== undefined) known.set(path, { ...found, stamp: found.stamp });
      listing.folders.push(found.folder);
      listing.files.push(...found.contents.files);
      listing.links.push(...found.contents.links);
      waiting.push(...found.contents.folders);
    }
    this.#known = known;
    return listing;
  }

  #look(
    path: string,
    isThorough: boolean,
  ): (Omit<KnownFolder, "stamp"> & { readonly stamp: string | undefined }) | undefined {
    const before = this.#known.get(path);
    if (!isThorough && before?.isAged) return before;
    const stats = orMissing(() => lstatSync(this.#placeOf(path), { bigint: true }));
    if (!stats?.isDirectory()) return undefined;
    const stamp = settledStampOf(stats);
    if (before && before.stamp === stamp) return { ...before, isAged: this.#isAged(path, stats) };
    const folder: Folder = { kind: "folder", path, mode: Number(stats.mode) & 0o7777 };
    return { stamp, isAged: false, folder, contents: this.#contentsOf(path) };
  }

  #contentsOf(folder: string): Contents {
    const contents: Contents = { files: [], folders: [], links: [] };
    const entries = orMissing(() => readdirSync(this.#placeOf(folder), { withFileTypes: true }));
    for (const entry of entries ?? []) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!isKept(this.#order, path)) continue;
      if (entry.isFile()) contents.files.push(path);
      else if (entry.isDirectory()) contents.folders.push(path);
      else if (entry.isSymbolicLink()) {
        const target = orMissing(() => readlinkSync(this.#placeOf(path)));
        if (target !== undefined) contents.links.push({ kind: "link", path, target });
      }
    }
    return contents;
  }

  #placeOf(path: string): string {
    return path === "" ? this.#directory : `${this.#directory}/${path}`;
  }
}

/** What tells a file or folder from what it was before; undefined while its times do not tell yet. */
export function settledStampOf(stats: BigIntStats): string | undefined {
  return ageOf(stats) > SETTLED_MS ? stampOf(stats) : undefined;
}

/** For how long it has been as it is, in milliseconds. */
export function ageOf({ ctimeNs }: BigIntStats): number {
  return Date.now() - Number(ctimeNs / 1_000_000n);
}

export function stampOf({ ino, size, mtimeNs, ctimeNs, mode }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode}`;
}

/** What is removed between the listing and the look is simply not there. */
export function orMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

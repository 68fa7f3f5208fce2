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

/** Folders that were listed when their times told. */
type KnownFolders = Map<string, { readonly stamp: string; readonly contents: Contents }>;

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
  #known: KnownFolders = new Map();

  /** `giveTurn` is called at every piece of the listing, and may let others run. */
  constructor(directory: string, order: ReadingOrder, giveTurn: () => Promise<void>) {
    this.#directory = directory;
    this.#order = order;
    this.#giveTurn = giveTurn;
  }

  /** The paths of the files that are in no folder. */
  top(): readonly string[] {
    return this.#contentsOf("").files;
  }

  async all(): Promise<Listing> {
    const { files, folders, links } = this.#contentsOf("");
    const listing = { files: [...files], folders: [] as Folder[], links: [...links] };
    const known: KnownFolders = new Map();
    const waiting = [...folders];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      await this.#giveTurn();
      const stats = orMissing(() => lstatSync(this.#placeOf(path), { bigint: true }));
      if (!stats?.isDirectory()) continue;
      const stamp = settledStampOf(stats);
      const before = this.#known.get(path);
      const contents = before && before.stamp === stamp ? before.contents : this.#contentsOf(path);
      if (stamp !== undefined) known.set(path, { stamp, contents });
      listing.folders.push({ kind: "folder", path, mode: Number(stats.mode) & 0o7777 });
      listing.files.push(...contents.files);
      listing.links.push(...contents.links);
      waiting.push(...contents.folders);
    }
    this.#known = known;
    return listing;
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
  const isSettled = Date.now() - Number(stats.ctimeNs / 1_000_000n) > SETTLED_MS;
  return isSettled ? stampOf(stats) : undefined;
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

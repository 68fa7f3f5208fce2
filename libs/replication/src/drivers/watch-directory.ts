import { watch, type FSWatcher } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ReadingOrder } from "../reading-order.ts";

/**
 * Tells that something in a directory may have changed: inotify by Node's fs.watch, one watch for each folder that the reading order
 * names. It need not tell what changed, nor every time: whoever is told reads everything, and reads everything now and then besides.
 */
export class DirectoryWatch implements Disposable {
  readonly #directory: string;
  readonly #order: ReadingOrder;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: bigint }>();

  constructor(directory: string, order: ReadingOrder, onChange: () => void) {
    this.#directory = directory;
    this.#order = order;
    this.#onChange = onChange;
  }

  /** Watches the folders there are by now. Call it before each reading: what changes after it is told. */
  async refresh(): Promise<void> {
    const folders = await this.#folders();
    for (const [folder, { inode }] of this.#watchers) {
      // One that was removed and made again is another one.
      if (folders.get(folder) !== inode) this.#drop(folder);
    }
    for (const [folder, inode] of folders) if (!this.#watchers.has(folder)) this.#watch(folder, inode);
  }

  /** The directory was replaced as a whole: the old one's folders mean nothing any more. */
  reset(): void {
    for (const folder of [...this.#watchers.keys()]) this.#drop(folder);
  }

  [Symbol.dispose](): void {
    this.reset();
  }

  async #folders(): Promise<ReadonlyMap<string, bigint>> {
    const names = (await readdir(this.#directory, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && this.#order.watched.test(entry.name))
      .map(({ name }) => name);
    const inodes = new Map<string, bigint>();
    for (const folder of ["", ...names]) {
      const stats = await stat(join(this.#directory, folder), { bigint: true }).catch(() => undefined);
      if (stats) inodes.set(folder, stats.ino);
    }
    return inodes;
  }

  #watch(folder: string, inode: bigint): void {
    const path = join(this.#directory, folder);
    try {
      const watcher = watch(path, { persistent: false });
      watcher.on("change", (_event, name) => {
        // Said of the folder itself when it is removed. Another one may come under its name, even with its inode.
        if (name === basename(path)) this.#drop(folder);
        this.#onChange();
      });
      watcher.on("error", () => this.#drop(folder));
      this.#watchers.set(folder, { watcher, inode });
    } catch (error) {
      // Removed since it was listed, or no watches left: rescans find what happens there.
      if (!["ENOENT", "ENOSPC", "EMFILE"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.watcher.close();
    this.#watchers.delete(folder);
  }
}

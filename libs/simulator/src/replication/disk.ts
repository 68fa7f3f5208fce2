import { randomInteger, type Rng } from "@cluster-os/std";
import type { DiskStep } from "@cluster-os/replication";

/** A file that is not flushed is what it was, what it shall be, or part of it, once the power is back. */
interface Content {
  bytes: Uint8Array;
  /** What was flushed last. */
  synced: Uint8Array | undefined;
}

/** The disk has no room, or the file is not there. */
export class SimulatedDiskError extends Error {
  override readonly name = "SimulatedDiskError";
}

/**
 * A file system that promises no more than POSIX: content is safe when the file was synced, a name when its folder was. A power cut
 * keeps or forgets each other thing by chance.
 */
export class SimulatedDisk {
  readonly #rng: Rng;
  #names = new Map<string, Content>();
  #safeNames = new Map<string, Content>();
  isFull = false;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  run(step: DiskStep): void {
    switch (step.kind) {
      case "make-folder":
        return;
      case "write":
        return this.#write(step.path, step.bytes);
      case "sync":
        for (const path of step.paths) {
          const content = this.#find(path);
          content.synced = content.bytes;
        }
        return;
      case "sync-folder":
        return this.#syncFolder(step.path);
      case "rename":
        this.#names.set(step.to, this.#find(step.from));
        this.#names.delete(step.from);
        return;
      case "remove":
        this.#names.delete(step.path);
        return;
      default:
        step satisfies never;
    }
  }

  read(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes;
  }

  /** The files in and below a folder, by their whole paths. */
  list(folder: string): readonly string[] {
    return [...this.#names.keys()].filter((path) => path.startsWith(`${folder}/`));
  }

  /** Bits that fell over, unnoticed. */
  rot(path: string): void {
    const content = this.#find(path);
    const changed = Uint8Array.from(content.bytes);
    const at = randomInteger(this.#rng, Math.max(1, changed.length));
    changed[at] = (changed[at] ?? 0) ^ 0x40;
    content.bytes = changed;
    content.synced = changed;
  }

  cutPower(): void {
    const names = new Map<string, Content>();
    for (const path of new Set([...this.#names.keys(), ...this.#safeNames.keys()])) {
      const now = this.#names.get(path);
      const safe = this.#safeNames.get(path);
      const kept = now === safe || this.#isLucky() ? now : safe;
      if (kept) names.set(path, kept);
    }
    for (const content of new Set(names.values())) {
      if (content.bytes !== content.synced) content.bytes = this.#survivorOf(content);
      content.synced = content.bytes;
    }
    this.#names = names;
    this.#safeNames = new Map(names);
  }

  #write(path: string, bytes: Uint8Array): void {
    if (this.isFull) throw new SimulatedDiskError("no space left on device");
    const content = this.#names.get(path);
    if (content) content.bytes = bytes;
    else this.#names.set(path, { bytes, synced: undefined });
  }

  #syncFolder(folder: string): void {
    const isIn = (path: string): boolean =>
      path.lastIndexOf("/") === (folder === "." ? -1 : folder.length) &&
      (folder === "." || path.startsWith(`${folder}/`));
    for (const path of [...this.#safeNames.keys()]) {
      if (isIn(path) && !this.#names.has(path)) this.#safeNames.delete(path);
    }
    for (const [path, content] of this.#names) if (isIn(path)) this.#safeNames.set(path, content);
  }

  #survivorOf({ bytes, synced }: Content): Uint8Array {
    if (this.#isLucky()) return bytes;
    if (this.#isLucky()) return synced ?? new Uint8Array();
    return bytes.subarray(0, randomInteger(this.#rng, bytes.length + 1));
  }

  #find(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw new SimulatedDiskError(`${path} is not there`);
    return content;
  }

  #isLucky(): boolean {
    return randomInteger(this.#rng, 2) === 0;
  }
}

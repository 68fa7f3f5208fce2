import { appendFile, rename, rm } from "node:fs/promises";
import type { SnapshotPart } from "@cluster-os/api";
import { equalBytes } from "@cluster-os/std";
import { hashOfFile, prepareDraft, sizeOf } from "../files/pieces.ts";
import { PeerApiError } from "../peer-api/protocol.ts";
import { timeOfName } from "./plan.ts";

/** Throws PeerApiError 400 unless it is a snapshot's name: a path is made of nothing else. */
export function requireName(name: string): void {
  if (timeOfName(name) !== undefined) return;
  throw new PeerApiError(
    400,
    `${JSON.stringify(name)} is no snapshot's name: one is a time, for example 20261121T123000Z`,
  );
}

/**
 * Puts together the snapshots that other machines hand over. What was cut off goes on where it
 * was, after a restart too; a copy has its name once it is on disk and its hash is right. It stays sealed.
 */
export class SnapshotPieces {
  readonly #path: (name: string) => string;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(path: (name: string) => string) {
    this.#path = path;
  }

  /**
   * Adds a piece, if it is the next one. Returns how many bytes are there: the offset of the next one, or 0 where all
   * came and the hash was wrong. An empty one at 0 only asks. `onWhole` is called when the copy gets its name.
   */
  add(part: SnapshotPart, onWhole: () => Promise<void>): Promise<number> {
    // One piece at a time: two machines may give the same.
    const next = this.#queue.catch(() => undefined).then(() => this.#add(part, onWhole));
    this.#queue = next;
    return next;
  }

  async #add(part: SnapshotPart, onWhole: () => Promise<void>): Promise<number> {
    const { name, size, offset, bytes, sha256 } = part;
    requireName(name);
    const target = this.#path(name);
    if ((await sizeOf(target)) === size) return size;
    const draft = `${target}.part`;
    if (offset === 0 && bytes.length === 0) await prepareDraft(draft);
    let there = await sizeOf(draft);
    if (offset === there && bytes.length > 0) {
      there += bytes.length;
      // A power cut after the last one must not leave a name for what never reached the disk.
      await appendFile(draft, bytes, { mode: 0o600, flush: there >= size });
    }
    if (there < size) return there;
    if (there > size || !equalBytes(await hashOfFile(draft), sha256)) {
      await rm(draft, { force: true });
      return 0;
    }
    await rename(draft, target);
    await onWhole();
    return size;
  }
}

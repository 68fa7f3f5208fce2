import type { Hash } from "../entry.ts";
import { blocksOf, type Manifest } from "../manifest.ts";
import type { Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import type { Inventory } from "./inventory.ts";
import {
  commitSteps,
  discardSteps,
  MANIFESTS_FOLDER,
  promiseSteps,
  putSteps,
  type DiskStep,
} from "./layout.ts";

/** Plans a store's disk steps; remembers which blocks are written and not yet on disk for good. */
export class StorePlanner {
  readonly #fresh: Set<Hash>;

  constructor(inventory: Inventory) {
    const safe = new Set(inventory.snapshots.flatMap((manifest) => [...blocksOf(manifest)]));
    // What no snapshot needed yet may have been read from memory only: a process ends without its machine.
    this.#fresh = new Set(inventory.blocks.filter((hash) => !safe.has(hash)));
  }

  /** Before anything that was found is believed: a name that is seen may not be on disk yet. */
  static openingSteps(): readonly DiskStep[] {
    return [
      { kind: "sync-folder", path: MANIFESTS_FOLDER },
      { kind: "sync-folder", path: "." },
    ];
  }

  promise(promise: KeptPromise): readonly DiskStep[] {
    return promiseSteps(promise);
  }

  put(hash: Hash, bytes: Uint8Array): readonly DiskStep[] {
    this.#fresh.add(hash);
    return putSteps(hash, bytes);
  }

  /** Call `committed` when all of it is done. */
  commit(manifest: Manifest): readonly DiskStep[] {
    return commitSteps(manifest, [...this.#fresh]);
  }

  committed(): void {
    this.#fresh.clear();
  }

  discard(positions: readonly Position[], hashes: readonly Hash[]): readonly DiskStep[] {
    this.forget(hashes);
    return discardSteps(positions, hashes);
  }

  /** These are not there: they were refused by the disk, removed or damaged. */
  forget(hashes: readonly Hash[]): void {
    for (const hash of hashes) this.#fresh.delete(hash);
  }
}

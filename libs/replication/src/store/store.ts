import type { Hash } from "../entry.ts";
import type { Manifest } from "../manifest.ts";
import type { Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import type { Inventory } from "./inventory.ts";

/**
 * Where one machine keeps its copies. One call at a time. What `promise` and `commit` have written when they return survives a power
 * cut; nothing else has to.
 */
export interface Store {
  /** What was found when it was opened. */
  readonly inventory: Inventory;
  promise(promise: KeptPromise): Promise<void>;
  /** Whether the block was put, found at opening, and not discarded since. */
  has(hash: Hash): boolean;
  put(hash: Hash, bytes: Uint8Array): Promise<void>;
  /** Throws if any block of the manifest is not there. */
  commit(manifest: Manifest): Promise<void>;
  /** A block whose content matches its name; undefined if it does not, or is not there. */
  read(hash: Hash): Promise<Uint8Array | undefined>;
  discard(positions: readonly Position[], hashes: readonly Hash[]): Promise<void>;
}

/** The store did not do what it was asked for: a full disk, a block that is missing. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

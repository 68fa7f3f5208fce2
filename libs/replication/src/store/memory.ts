import { hashOf, type Hash } from "../entry.ts";
import { blocksOf, encodeManifest, type Manifest } from "../manifest.ts";
import type { Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import { encodePromise, takeInventory, type Inventory } from "./inventory.ts";
import { manifestFile } from "./layout.ts";
import { StoreError, type Store } from "./store.ts";

/** A store that is gone with its process; opening it again shows what a disk would. For tests, and as the model of the real one. */
export class MemoryStore implements Store {
  readonly inventory: Inventory;
  readonly #name: string;
  #promise: Uint8Array | undefined;
  readonly #manifests = new Map<string, Uint8Array>();
  readonly #blocks = new Map<Hash, Uint8Array>();

  constructor(name: string, before?: MemoryStore) {
    this.#name = name;
    if (before) {
      this.#promise = before.#promise;
      this.#manifests = new Map(before.#manifests);
      this.#blocks = new Map(before.#blocks);
    }
    const blocks = new Set(
      [...this.#blocks].flatMap(([hash, bytes]) => (hashOf(bytes) === hash ? [hash] : [])),
    );
    this.inventory = takeInventory({ promise: this.#promise, manifests: this.#manifests, blocks }, name);
  }

  async promise(promise: KeptPromise): Promise<void> {
    this.#promise = encodePromise(promise);
  }

  has(hash: Hash): boolean {
    return this.#blocks.has(hash);
  }

  async put(hash: Hash, bytes: Uint8Array): Promise<void> {
    this.#blocks.set(hash, Uint8Array.from(bytes));
  }

  async commit(manifest: Manifest): Promise<void> {
    const missing = [...blocksOf(manifest)].filter((hash) => !this.#blocks.has(hash));
    if (missing.length > 0)
      throw new StoreError(`${missing.length} blocks of the snapshot are not in the store`);
    this.#manifests.set(manifestFile(manifest), encodeManifest(manifest));
  }

  async read(hash: Hash): Promise<Uint8Array | undefined> {
    const bytes = this.#blocks.get(hash);
    return bytes && hashOf(bytes) === hash ? bytes : undefined;
  }

  async discard(positions: readonly Position[], hashes: readonly Hash[]): Promise<void> {
    for (const position of positions) this.#manifests.delete(manifestFile(position));
    for (const hash of hashes) this.#blocks.delete(hash);
  }

  /** Changes a block behind the store's back. */
  damage(hash: Hash): void {
    this.#blocks.set(hash, new Uint8Array(1));
  }

  /** The same as a machine finds it after a restart. */
  reopened(): MemoryStore {
    return new MemoryStore(this.#name, this);
  }
}

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readFileIfExists } from "@cluster-os/std/drivers";
import { hashOf, type Hash } from "../entry.ts";
import { blocksOf, type Manifest } from "../manifest.ts";
import type { Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import { takeInventory, type Inventory } from "../store/inventory.ts";
import {
  blockPath,
  BLOCKS_FOLDER,
  foundingSteps,
  MANIFESTS_FOLDER,
  PROMISE_FILE,
  type DiskStep,
} from "../store/layout.ts";
import { StorePlanner } from "../store/planner.ts";
import { StoreError, type Store } from "../store/store.ts";

export interface FolderStoreOptions {
  /** The store's own folder, such as /var/lib/cluster-os/replicas/slurmctld. Made if it is missing, 0700. */
  readonly folder: string;
  /** Which directory is kept in it. */
  readonly name: string;
}

/** Opens the store in a folder: reads and checks all of it. */
export async function openFolderStore({ folder, name }: FolderStoreOptions): Promise<Store> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await run(folder, [...foundingSteps(), ...StorePlanner.openingSteps()]);
  const promise = await readFileIfExists(join(folder, PROMISE_FILE));
  const inventory = takeInventory(
    {
      promise: promise && new Uint8Array(promise),
      manifests: await readManifests(join(folder, MANIFESTS_FOLDER)),
      blocks: await soundBlocks(join(folder, BLOCKS_FOLDER)),
    },
    name,
  );
  return new FolderStore(folder, inventory);
}

class FolderStore implements Store {
  readonly inventory: Inventory;
  readonly #folder: string;
  readonly #planner: StorePlanner;
  readonly #blocks: Set<Hash>;

  constructor(folder: string, inventory: Inventory) {
    this.#folder = folder;
    this.inventory = inventory;
    this.#planner = new StorePlanner(inventory);
    this.#blocks = new Set(inventory.blocks);
  }

  promise(promise: KeptPromise): Promise<void> {
    return run(this.#folder, this.#planner.promise(promise));
  }

  has(hash: Hash): boolean {
    return this.#blocks.has(hash);
  }

  async put(hash: Hash, bytes: Uint8Array): Promise<void> {
    try {
      await run(this.#folder, this.#planner.put(hash, bytes));
      this.#blocks.add(hash);
    } catch (error) {
      this.#forget([hash]);
      throw error;
    }
  }

  async commit(manifest: Manifest): Promise<void> {
    const missing = [...blocksOf(manifest)].filter((hash) => !this.#blocks.has(hash));
    if (missing.length > 0)
      throw new StoreError(`${missing.length} blocks of the snapshot are not in the store`);
    await run(this.#folder, this.#planner.commit(manifest));
    this.#planner.committed();
  }

  async read(hash: Hash): Promise<Uint8Array | undefined> {
    const bytes = readBlock(join(this.#folder, blockPath(hash)));
    if (bytes && hashOf(bytes) === hash) return bytes;
    this.#forget([hash]);
    return undefined;
  }

  async discard(positions: readonly Position[], hashes: readonly Hash[]): Promise<void> {
    for (const hash of hashes) this.#blocks.delete(hash);
    await run(this.#folder, this.#planner.discard(positions, hashes));
  }

  #forget(hashes: readonly Hash[]): void {
    this.#planner.forget(hashes);
    for (const hash of hashes) this.#blocks.delete(hash);
  }
}

async function readManifests(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const file of await readdir(folder)) {
    const path = join(folder, file);
    // A draft is what a crash left behind.
    if (file.endsWith(".new")) await rm(path, { force: true });
    else found.set(file, new Uint8Array(await readFile(path)));
  }
  return found;
}

async function soundBlocks(folder: string): Promise<ReadonlySet<Hash>> {
  const sound = new Set<Hash>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    if (hashOf(await readFile(join(entry.parentPath, entry.name))) === entry.name) sound.add(entry.name);
  }
  return sound;
}

function readBlock(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Carries out disk steps one after the other; throws at the first that fails. Only flushing is waited for: the rest goes to the
 * kernel's memory, a megabyte at most at a time, and on a busy machine each wait costs more than that.
 */
export async function run(folder: string, steps: readonly DiskStep[]): Promise<void> {
  for (const step of steps) await runStep(folder, step);
}

async function runStep(folder: string, step: DiskStep): Promise<void> {
  switch (step.kind) {
    case "make-folder":
      mkdirSync(join(folder, step.path), { recursive: true, mode: 0o700 });
      return;
    case "write":
      return writeFileSync(join(folder, step.path), step.bytes, { mode: 0o600 });
    case "sync":
      // Together: the file system writes its journal once for many.
      await Promise.all(step.paths.map((path) => sync(join(folder, path))));
      return;
    case "sync-folder":
      return sync(join(folder, step.path));
    case "rename":
      return renameSync(join(folder, step.from), join(folder, step.to));
    case "remove":
      return rmSync(join(folder, step.path), { force: true });
    default:
      step satisfies never;
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

import type { Hash } from "./entry.ts";
import { blocksOf, positionOf, type Manifest, type ReplicaId } from "./manifest.ts";
import type { ReplicaReport } from "./newest.ts";
import { comparePositions, reaches, type Position } from "./position.ts";
import type { KeptPromise, ReplicationEffect } from "./protocol.ts";
import type { ReplicationRules } from "./rules.ts";
import type { Inventory } from "./store/inventory.ts";

/** What this machine keeps on disk, as far as the core knows: its promise, whole snapshots, blocks. */
export class Shelf {
  readonly #rules: ReplicationRules;
  #promise: KeptPromise | undefined;
  /** Oldest first. */
  #snapshots: readonly Manifest[];
  #lost: Position | undefined;
  readonly #blocks: Set<Hash>;
  #committing: Manifest | undefined;
  /** Readings of the directory under way: what they find in the store must stay there. */
  #readings = 0;

  constructor(inventory: Inventory, rules: ReplicationRules) {
    const { promise, snapshots, lost, blocks } = inventory;
    this.#rules = rules;
    this.#snapshots = snapshots;
    this.#lost = lost;
    this.#blocks = new Set(blocks);
    this.#promise = promise;
    // A snapshot is kept of an epoch that is followed: so it counts as a promise, too.
    const last = snapshots.at(-1);
    if (last && last.epoch > this.promised) this.#promise = { epoch: last.epoch, leader: last.leader };
  }

  /** 0 before the first. */
  get promised(): number {
    return this.#promise?.epoch ?? 0;
  }

  get leader(): ReplicaId | undefined {
    return this.#promise?.leader;
  }

  get newest(): Manifest | undefined {
    return this.#snapshots.at(-1);
  }

  get lost(): Position | undefined {
    return this.#lost;
  }

  get committing(): Manifest | undefined {
    return this.#committing;
  }

  report(self: ReplicaId): ReplicaReport {
    const { newest } = this;
    return {
      replica: self,
      promised: this.promised,
      ...(newest ? { position: positionOf(newest), replicas: newest.replicas } : {}),
      ...(this.#lost ? { lost: this.#lost } : {}),
    };
  }

  /** The snapshot to which somebody tells a difference, if it is kept. */
  baseOf(base: Position): Manifest | undefined {
    return this.#rules.baseOf(this.#snapshots, base);
  }

  /** From now on this is what stands against others; it is told when it is on disk. */
  promise(promise: KeptPromise): ReplicationEffect {
    this.#promise = promise;
    return { kind: "promise", promise };
  }

  missing(manifest: Manifest): readonly Hash[] {
    return [...blocksOf(manifest)].filter((hash) => !this.#blocks.has(hash));
  }

  has(hash: Hash): boolean {
    return this.#blocks.has(hash);
  }

  put(hash: Hash, bytes: Uint8Array): ReplicationEffect {
    this.#blocks.add(hash);
    return { kind: "put", hash, bytes };
  }

  beginReading(): void {
    this.#readings += 1;
  }

  /** A reading of the directory is over, and has put these into the store. */
  endReading(hashes: Iterable<Hash>): void {
    this.#readings -= 1;
    for (const hash of hashes) this.#blocks.add(hash);
  }

  commit(manifest: Manifest): ReplicationEffect {
    this.#committing = manifest;
    return { kind: "commit", manifest };
  }

  /** What `commit` asked for is on disk. Gives the manifest, or undefined if nobody asked. */
  committed(position: Position): Manifest | undefined {
    const manifest = this.#committing;
    if (!manifest || comparePositions(manifest, position) !== 0) return undefined;
    this.#committing = undefined;
    this.#snapshots = [...this.#snapshots, manifest].sort(comparePositions);
    if (reaches(positionOf(manifest), this.#lost)) this.#lost = undefined;
    return manifest;
  }

  commitFailed(): void {
    this.#committing = undefined;
  }

  /** Blocks that are not what they should be: snapshots with them are whole no longer. */
  damage(hashes: readonly Hash[]): void {
    for (const hash of hashes) this.#blocks.delete(hash);
    const isWhole = (manifest: Manifest): boolean => this.missing(manifest).length === 0;
    const broken = this.#snapshots.filter((manifest) => !isWhole(manifest)).at(-1);
    this.#snapshots = this.#snapshots.filter(isWhole);
    const before = this.newest;
    if (broken && !reaches(before && positionOf(before), broken) && !reaches(this.#lost, broken)) {
      this.#lost = positionOf(broken);
    }
  }

  /** Lets go of older snapshots and of blocks that neither those kept nor `needed` use. */
  tidy(needed: readonly Manifest[]): readonly ReplicationEffect[] {
    const kept = this.#snapshots.slice(-1 - this.#rules.keptBefore);
    const positions = this.#snapshots.slice(0, -1 - this.#rules.keptBefore).map(positionOf);
    if (positions.length === 0 || this.#readings > 0) return [];
    const used = new Set([...kept, ...needed].flatMap((manifest) => [...blocksOf(manifest)]));
    const hashes = [...this.#blocks].filter((hash) => !used.has(hash));
    for (const hash of hashes) this.#blocks.delete(hash);
    this.#snapshots = kept;
    return [{ kind: "discard", positions, hashes }];
  }
}

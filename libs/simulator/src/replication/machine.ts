import {
  BLOCKS_FOLDER,
  blockPath,
  hashOf,
  MANIFESTS_FOLDER,
  PROMISE_FILE,
  Replication,
  StorePlanner,
  takeInventory,
  type DiskStep,
  type Entry,
  type Hash,
  type Manifest,
  type Position,
  type ReplicaId,
  type ReplicationConfig,
  type ReplicationEffect,
  type ReplicationInput,
  type ReplicationRules,
} from "@cluster-os/replication";
import { randomInteger, type Instant, type Rng } from "@cluster-os/std";
import { SimulatedDisk } from "./disk.ts";
import type { Ledger } from "./ledger.ts";

export const NAME = "state";

/** What may be broken on purpose, to show that the world notices. */
export interface ReplicationVariation {
  readonly rules?: Partial<ReplicationRules>;
  /** What becomes of the steps that a store plans. */
  readonly steps?: (steps: readonly DiskStep[]) => readonly DiskStep[];
  /** What a restarted machine reads of its promise. */
  readonly readPromise?: (bytes: Uint8Array | undefined) => Uint8Array | undefined;
}

/** What a machine needs of the world. */
export interface Surroundings {
  readonly rng: Rng;
  readonly ledger: Ledger;
  readonly variation: ReplicationVariation;
  readonly config: Partial<ReplicationConfig>;
  now(): Instant;
  at(when: Instant, act: () => void): void;
  send(from: ReplicaId, effect: Extract<ReplicationEffect, { kind: "send" }>): void;
  /** How long the disk takes for one thing, in milliseconds. */
  diskMs(machine: ReplicaMachine): number;
  note(machine: ReplicaMachine, what: string): void;
}

type DiskEffect = Exclude<ReplicationEffect, { kind: "send" | "leading" | "acknowledged" | "deposed" }>;

/** One machine: the core, a disk that does one thing after the other, and a directory on which a service works. */
export class ReplicaMachine {
  readonly id: ReplicaId;
  readonly disk: SimulatedDisk;
  readonly #world: Surroundings;
  directory = new Map<string, string>();
  core: Replication | undefined;
  /** Whether something works on the directory. */
  isServing = false;
  isBurnt = false;
  frozenUntil: Instant = 0;
  #planner: StorePlanner | undefined;
  #queue: DiskEffect[] = [];
  #life = 0;
  #wakeAt: Instant = Infinity;
  /** The snapshot from which the directory came: it outlives the process, as the directory does. */
  #base: Position | undefined;

  constructor(id: ReplicaId, world: Surroundings) {
    this.id = id;
    this.#world = world;
    this.disk = new SimulatedDisk(world.rng);
  }

  start(): void {
    const { variation, ledger, config } = this.#world;
    for (const step of StorePlanner.openingSteps()) this.disk.run(step);
    const promise = this.disk.read(PROMISE_FILE);
    const inventory = takeInventory(
      {
        promise: variation.readPromise ? variation.readPromise(promise) : promise,
        manifests: this.#manifests(),
        blocks: this.#soundBlocks(),
      },
      NAME,
    );
    this.#life += 1;
    this.#wakeAt = Infinity;
    this.#planner = new StorePlanner(inventory);
    this.core = new Replication({
      self: this.id,
      name: NAME,
      inventory,
      config,
      ...(variation.rules ? { rules: variation.rules } : {}),
      now: this.#world.now(),
    });
    const { promised } = this.core.report();
    ledger.found(this.id, promised, inventory.snapshots);
    this.#wakeLater();
  }

  /** The process ends amid what the disk is at; with the power, what was not flushed may be gone. */
  stop(withPower: boolean): void {
    const [current] = this.#queue;
    if (current && this.core) this.#runSome(current);
    this.core = undefined;
    this.isServing = false;
    this.#life += 1;
    this.#queue = [];
    if (withPower) this.disk.cutPower();
  }

  give(input: ReplicationInput): void {
    if (!this.core) return;
    const now = this.#world.now();
    if (now < this.frozenUntil) return this.#later(this.frozenUntil, () => this.give(input));
    for (const effect of this.core.step(input, now)) this.#carryOut(effect);
    this.#wakeLater();
  }

  write(path: string, text: string): void {
    this.directory.set(path, text);
    this.give({ kind: "changed" });
  }

  #carryOut(effect: ReplicationEffect): void {
    const { ledger } = this.#world;
    switch (effect.kind) {
      case "send":
        if (effect.message.kind === "promise") ledger.promises(this.id, effect.message.epoch);
        return this.#world.send(this.id, effect);
      case "leading":
        this.#world.note(this, `leads with ${effect.position.epoch}/${effect.position.sequence}`);
        this.isServing = true;
        return;
      case "acknowledged":
        return ledger.acknowledge(effect.position);
      case "deposed":
        this.#world.note(this, `deposed: ${effect.reason}`);
        this.isServing = false;
        return;
      case "commit":
        if (effect.manifest.leader === this.id) this.#seal(effect.manifest);
        break;
      default:
    }
    this.#queue.push(effect);
    if (this.#queue.length === 1) this.#workOn();
  }

  #seal(manifest: Manifest): void {
    if (this.#world.ledger.seal(manifest, this.#contentOf(manifest), this.#base)) this.#base = manifest;
  }

  #workOn(): void {
    const [effect] = this.#queue;
    if (!effect) return;
    this.#later(this.#world.now() + this.#world.diskMs(this), () => {
      const input = this.#do(effect);
      this.#queue.shift();
      this.#workOn();
      if (input) this.give(input);
    });
  }

  #do(effect: DiskEffect): ReplicationInput | undefined {
    switch (effect.kind) {
      case "promise":
        if (this.#try(effect)) return { kind: "promised", epoch: effect.promise.epoch };
        // Until it is written, nothing else is.
        this.#queue.splice(1, 0, effect);
        return undefined;
      case "put":
        if (!this.#try(effect)) this.give({ kind: "damaged", hashes: [effect.hash] });
        return undefined;
      case "commit":
        if (!this.#try(effect)) return { kind: "commit-failed", position: effect.manifest, reason: "disk" };
        this.#planner?.committed();
        this.#world.ledger.publish(effect.manifest);
        return { kind: "committed", position: effect.manifest };
      case "discard":
        this.#try(effect);
        return undefined;
      case "supply":
        return this.#supply(effect.to, effect.epoch, effect.hashes);
      case "capture":
        return this.#capture(effect.ticket);
      case "restore":
        return this.#restore(effect.manifest);
      default:
        return effect satisfies never;
    }
  }

  #stepsOf(effect: DiskEffect): readonly DiskStep[] {
    const planner = this.#planner;
    if (!planner) return [];
    const plan = (): readonly DiskStep[] => {
      if (effect.kind === "promise") return planner.promise(effect.promise);
      if (effect.kind === "put") return planner.put(effect.hash, effect.bytes);
      if (effect.kind === "commit") return planner.commit(effect.manifest);
      if (effect.kind === "discard") return planner.discard(effect.positions, effect.hashes);
      return [];
    };
    return this.#world.variation.steps?.(plan()) ?? plan();
  }

  #try(effect: DiskEffect): boolean {
    try {
      for (const step of this.#stepsOf(effect)) this.disk.run(step);
      return true;
    } catch {
      if (effect.kind === "put") this.#planner?.forget([effect.hash]);
      return false;
    }
  }

  /** Cut short: as many of its steps as there was time for. */
  #runSome(effect: DiskEffect): void {
    const steps = this.#stepsOf(effect);
    try {
      for (const step of steps.slice(0, randomInteger(this.#world.rng, steps.length + 1)))
        this.disk.run(step);
    } catch {
      // The disk was full: what was begun stays so.
    }
  }

  #capture(ticket: number): ReplicationInput {
    const entries: Entry[] = [];
    for (const [path, text] of [...this.directory].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const bytes = new Uint8Array(Buffer.from(text));
      const hash = hashOf(bytes);
      if (!this.#isSound(hash) && !this.#try({ kind: "put", hash, bytes })) {
        return { kind: "capture-failed", ticket, reason: "no space left on device" };
      }
      entries.push({ kind: "file", path, mode: 0o600, size: bytes.length, hash, blocks: [hash] });
    }
    return { kind: "captured", ticket, entries };
  }

  #restore(manifest: Manifest): ReplicationInput {
    const damaged = [...new Set(manifest.entries.map(hashOfEntry))].filter((hash) => !this.#isSound(hash));
    if (damaged.length > 0 && !this.#world.variation.rules?.isSound) {
      this.give({ kind: "damaged", hashes: damaged });
      return { kind: "restore-failed", position: manifest, reason: "damaged" };
    }
    this.directory = new Map(this.#contentOf(manifest));
    this.#base = manifest;
    const role = this.core?.role;
    this.#world.ledger.restored(
      manifest,
      this.directory,
      role?.kind === "candidate" ? role.epoch : undefined,
    );
    return { kind: "restored", position: manifest };
  }

  #supply(to: ReplicaId, epoch: number, hashes: readonly Hash[]): ReplicationInput | undefined {
    const sound = hashes.filter((hash) => this.#isSound(hash));
    const blocks = sound.map((hash) => this.disk.read(blockPath(hash)) as Uint8Array);
    if (blocks.length > 0)
      this.#world.send(this.id, { kind: "send", to, message: { kind: "blocks", epoch, blocks } });
    const damaged = hashes.filter((hash) => !sound.includes(hash));
    return damaged.length > 0 ? { kind: "damaged", hashes: damaged } : undefined;
  }

  #contentOf(manifest: Manifest): ReadonlyMap<string, string> {
    return new Map(
      manifest.entries.map((entry) => {
        const bytes = this.disk.read(blockPath(hashOfEntry(entry))) ?? new Uint8Array();
        return [entry.path, Buffer.from(bytes).toString()];
      }),
    );
  }

  #isSound(hash: Hash): boolean {
    const bytes = this.disk.read(blockPath(hash));
    return bytes !== undefined && hashOf(bytes) === hash;
  }

  #manifests(): ReadonlyMap<string, Uint8Array> {
    const paths = this.disk.list(MANIFESTS_FOLDER).filter((path) => !path.endsWith(".new"));
    return new Map(
      paths.map((path) => [path.slice(MANIFESTS_FOLDER.length + 1), this.disk.read(path) as Uint8Array]),
    );
  }

  #soundBlocks(): ReadonlySet<Hash> {
    const hashes = this.disk.list(BLOCKS_FOLDER).map((path) => path.split("/").at(-1) as Hash);
    // Whoever does not look at content takes a name for it.
    return new Set(hashes.filter((hash) => this.#world.variation.rules?.isSound || this.#isSound(hash)));
  }

  #wakeLater(): void {
    const { core } = this;
    const wakeAt = core?.wakeAt ?? Infinity;
    if (wakeAt >= this.#wakeAt) return;
    this.#wakeAt = Math.max(wakeAt, this.#world.now() + 1);
    this.#later(this.#wakeAt, () => {
      this.#wakeAt = Infinity;
      if (core && core.wakeAt <= this.#world.now()) this.give({ kind: "wake" });
      else this.#wakeLater();
    });
  }

  /** In this life of the process only. */
  #later(when: Instant, act: () => void): void {
    const life = this.#life;
    this.#world.at(when, () => {
      if (this.#life === life) act();
    });
  }
}

function hashOfEntry(entry: Entry): Hash {
  return entry.kind === "file" ? entry.hash : "";
}

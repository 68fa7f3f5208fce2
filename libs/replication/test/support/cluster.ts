import { seededRng, type Instant } from "@cluster-os/std";
import {
  EMPTY_INVENTORY,
  hashOf,
  Replication,
  type Entry,
  type Hash,
  type Inventory,
  type Manifest,
  type Message,
  type Nomination,
  type ReplicaId,
  type ReplicationConfig,
  type ReplicationEffect,
  type ReplicationInput,
} from "../../src/index.ts";

const rng = seededRng(1);

/** Bytes by their hash: the content of a directory in a test is a map of paths to texts. */
export class Machine {
  readonly id: ReplicaId;
  readonly blocks = new Map<Hash, Uint8Array>();
  directory = new Map<string, string>();
  readonly effects: ReplicationEffect[] = [];
  /** Disk answers are kept back while true. */
  isDiskSlow = false;
  /** What the disk was asked for and has not answered. */
  readonly diskAnswers: ReplicationInput[] = [];
  replication: Replication;

  constructor(id: ReplicaId, inventory: Inventory, config: Partial<ReplicationConfig>) {
    this.id = id;
    this.replication = new Replication({ self: id, name: "test", inventory, config, now: 0 });
  }
}

/** Machines on a wire that loses nothing unless it is told to: for looking at one thing after the other. */
export class Cluster {
  now: Instant = 0;
  readonly machines: ReadonlyMap<ReplicaId, Machine>;
  readonly #wire: { readonly from: ReplicaId; readonly to: ReplicaId; readonly message: Message }[] = [];
  /** Who hears nobody and is heard by nobody. */
  readonly away = new Set<ReplicaId>();
  /** Decides which messages are lost. */
  loses: (from: ReplicaId, to: ReplicaId, message: Message) => boolean = () => false;

  constructor(ids: readonly ReplicaId[], config: Partial<ReplicationConfig> = {}) {
    this.machines = new Map(ids.map((id) => [id, new Machine(id, EMPTY_INVENTORY, config)]));
  }

  of(id: ReplicaId): Machine {
    return this.machines.get(id) as Machine;
  }

  give(id: ReplicaId, input: ReplicationInput): void {
    const machine = this.of(id);
    for (const effect of machine.replication.step(input, this.now)) this.#carryOut(machine, effect);
  }

  lead(id: ReplicaId, nomination: Partial<Nomination> & { readonly epoch: number }): void {
    const all = { replicas: [...this.machines.keys()], mayFound: true, ...nomination };
    this.give(id, { kind: "lead", nomination: all });
    this.settle();
  }

  write(id: ReplicaId, path: string, content: string): void {
    this.of(id).directory.set(path, content);
    this.give(id, { kind: "changed" });
  }

  /** Delivers what is on its way, and what that brings about. */
  settle(): void {
    for (;;) {
      const next = this.#wire.shift();
      if (!next) return;
      const { from, to, message } = next;
      if (this.away.has(from) || this.away.has(to) || this.loses(from, to, message)) continue;
      if (this.machines.has(to)) this.give(to, { kind: "message", from, message });
    }
  }

  /** Lets time go by; wakes whoever wants to be woken. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (this.settle(); this.now < end; this.settle()) {
      this.now = Math.min(end, this.now + 5);
      for (const [id, { replication }] of this.machines) {
        if (replication.wakeAt <= this.now) this.give(id, { kind: "wake" });
      }
    }
  }

  /** The disk answers what it was asked for. */
  diskCatchesUp(id: ReplicaId): void {
    const machine = this.of(id);
    machine.isDiskSlow = false;
    for (const input of machine.diskAnswers.splice(0)) this.give(id, input);
    this.settle();
  }

  /** Everything of one kind that a machine was told to do. */
  effects<K extends ReplicationEffect["kind"]>(
    id: ReplicaId,
    kind: K,
  ): readonly Extract<ReplicationEffect, { kind: K }>[] {
    return this.of(id).effects.filter(
      (effect): effect is Extract<ReplicationEffect, { kind: K }> => effect.kind === kind,
    );
  }

  #carryOut(machine: Machine, effect: ReplicationEffect): void {
    machine.effects.push(effect);
    switch (effect.kind) {
      case "send":
        return void this.#wire.push({ from: machine.id, to: effect.to, message: effect.message });
      case "promise":
        return this.#answer(machine, { kind: "promised", epoch: effect.promise.epoch });
      case "put":
        return void machine.blocks.set(effect.hash, effect.bytes);
      case "commit":
        return this.#answer(machine, { kind: "committed", position: effect.manifest });
      case "discard":
        for (const hash of effect.hashes) machine.blocks.delete(hash);
        return;
      case "supply": {
        const blocks = effect.hashes.map((hash) => machine.blocks.get(hash) as Uint8Array);
        const message: Message = { kind: "blocks", epoch: effect.epoch, blocks };
        return void this.#wire.push({ from: machine.id, to: effect.to, message });
      }
      case "capture":
        return this.#answer(machine, { kind: "captured", ticket: effect.ticket, entries: capture(machine) });
      case "restore":
        restore(machine, effect.manifest);
        return this.#answer(machine, { kind: "restored", position: effect.manifest });
      case "leading":
      case "acknowledged":
      case "deposed":
        return;
      default:
        effect satisfies never;
    }
  }

  #answer(machine: Machine, input: ReplicationInput): void {
    if (machine.isDiskSlow) machine.diskAnswers.push(input);
    else this.give(machine.id, input);
  }
}

function capture(machine: Machine): readonly Entry[] {
  return [...machine.directory]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, text]) => {
      const bytes = new TextEncoder().encode(text);
      const hash = hashOf(bytes);
      machine.blocks.set(hash, bytes);
      return { kind: "file", path, mode: 0o600, size: bytes.length, hash, blocks: [hash] };
    });
}

function restore(machine: Machine, manifest: Manifest): void {
  machine.directory = new Map(
    manifest.entries.map((entry) => {
      const hash = entry.kind === "file" ? entry.hash : "";
      return [entry.path, new TextDecoder().decode(machine.blocks.get(hash))];
    }),
  );
}

export { rng };

import type { Instant } from "@cluster-os/std";
import { Candidate, type Outcome } from "./candidate.ts";
import { defaultReplicationConfig } from "./config.ts";
import { send, type Context } from "./context.ts";
import { Follower } from "./follower.ts";
import { Leader } from "./leader.ts";
import type { Hash } from "./entry.ts";
import { encodeManifest, positionOf, type Manifest, type ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import type { ReplicaReport } from "./newest.ts";
import { showPosition, type Position } from "./position.ts";
import type {
  Nomination,
  ReplicationEffect,
  ReplicationInput,
  ReplicationOptions,
  ReplicationRole,
  ReplicationStatus,
} from "./protocol.ts";
import { Readings } from "./readings.ts";
import { SOUND_RULES } from "./rules.ts";
import { Shelf } from "./shelf.ts";

/** What waits for a promise to be on disk. */
interface Pending {
  readonly epoch: number;
  readonly from: ReplicaId;
  /** Undefined for this machine's own nomination. */
  readonly message: Message | undefined;
}

/**
 * One machine's part in keeping a directory. Sans-I/O: `step(input, now)` returns the effects in the order in which they are to
 * be carried out; call it with `wake` when the time is `wakeAt`. Nothing that another replica says makes it throw, apart from
 * bytes in a message that no replica writes (ManifestError): the driver drops such a message.
 */
export class Replication {
  readonly #context: Context;
  readonly #shelf: Shelf;
  readonly #readings: Readings;
  readonly #follower: Follower;
  #candidate: Candidate | undefined;
  #leader: Leader | undefined;
  #pending: Pending | undefined;
  #wish: readonly ReplicaId[] | undefined;
  #trouble: string | undefined;
  #effects: ReplicationEffect[] = [];

  constructor(options: ReplicationOptions) {
    const rules = { ...SOUND_RULES, ...options.rules };
    this.#shelf = new Shelf(options.inventory, rules);
    this.#context = {
      self: options.self,
      name: options.name,
      config: { ...defaultReplicationConfig, ...options.config },
      rules,
      shelf: this.#shelf,
      emit: (...effects) => void this.#effects.push(...effects),
      complain: (trouble) => void (this.#trouble = trouble),
    };
    this.#readings = new Readings(this.#context);
    this.#follower = new Follower(this.#context);
  }

  step(input: ReplicationInput, now: Instant): readonly ReplicationEffect[] {
    this.#take(input, now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When to call `step` again at the latest. */
  get wakeAt(): Instant {
    return (this.#leader ?? this.#candidate ?? this.#follower).wakeAt;
  }

  get role(): ReplicationRole {
    if (this.#candidate) {
      const { nomination, waitingFor } = this.#candidate;
      return { kind: "candidate", epoch: nomination.epoch, waitingFor };
    }
    if (!this.#leader) return { kind: "follower" };
    const { epoch, isLeading } = this.#leader;
    if (isLeading) return { kind: "leader", epoch };
    return { kind: "candidate", epoch, waitingFor: "a majority to have its first snapshot" };
  }

  /** The leader's snapshot that holds what the last reading of the directory found, on disk or on its way there. */
  get latest(): Position | undefined {
    return this.#leader?.latest;
  }

  /** What `newest` chooses by. */
  report(): ReplicaReport {
    return this.#shelf.report(this.#context.self);
  }

  status(): ReplicationStatus {
    const leader = this.#leader;
    return {
      role: this.role,
      report: this.report(),
      ...(leader?.acknowledged ? { acknowledged: leader.acknowledged } : {}),
      ...(leader ? { followers: leader.followers } : {}),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
    };
  }

  #take(input: ReplicationInput, now: Instant): void {
    switch (input.kind) {
      case "wake":
        return this.#wake(now);
      case "lead":
        return this.#nominate(input.nomination, now);
      case "follow":
        return this.#stepDown();
      case "wish-replicas":
        this.#wish = input.replicas;
        return this.#leader?.wish(input.replicas, now);
      case "message":
        return this.#hear(input.from, input.message, now);
      case "changed":
        return this.#leader && this.#readings.changed(now);
      case "captured":
        this.#trouble = undefined;
        if (this.#readings.captured(input, now)) this.#leader?.captured(input.entries, now);
        return;
      case "capture-failed":
        this.#trouble = input.reason;
        return this.#readings.failed(input.ticket, now);
      case "promised":
        return this.#promised(input.epoch, now);
      case "committed":
        return this.#committed(input.position, now);
      case "commit-failed":
        return this.#commitFailed(input.reason, now);
      case "restored":
        return this.#takeOver(this.#candidate?.restored(input.position), now);
      case "restore-failed":
        this.#trouble = input.reason;
        return this.#candidate?.restoreFailed(now);
      case "damaged":
        return this.#damaged(input.hashes);
      default:
        input satisfies never;
    }
  }

  #wake(now: Instant): void {
    if (this.#leader) return this.#leader.wake(now);
    if (this.#candidate) return this.#takeOver(this.#candidate.wake(now), now);
    this.#follower.wake(now);
  }

  #nominate(nomination: Nomination, now: Instant): void {
    const { epoch } = nomination;
    const { promised, leader } = this.#shelf;
    const { self } = this.#context;
    if (epoch === this.#leader?.epoch || epoch === this.#candidate?.nomination.epoch) return;
    if (epoch < promised || (epoch === promised && leader !== self)) {
      return this.#context.emit({
        kind: "deposed",
        epoch,
        reason: `epoch ${promised} of ${leader} is promised`,
      });
    }
    this.#depose(`nominated again, for epoch ${epoch}`);
    if (epoch === promised && this.#shelf.newest?.epoch === epoch)
      return this.#resume(this.#shelf.newest, now);
    this.#candidate = new Candidate(this.#context, nomination);
    if (epoch === promised && !this.#pending) return this.#takeOver(this.#candidate.promised(now), now);
    this.#promise({ epoch, from: self, message: undefined });
  }

  /** This machine led this very epoch when it stopped: nobody else may have, so the directory is still its own. */
  #resume({ epoch, replicas }: Manifest, now: Instant): void {
    this.#lead(epoch, replicas).beginAsItLies(now);
    this.#applyWish(now);
  }

  #takeOver(outcome: Outcome | undefined, now: Instant): void {
    const candidate = this.#candidate;
    if (!outcome || !candidate) return;
    this.#candidate = undefined;
    const leader = this.#lead(candidate.nomination.epoch, outcome.replicas);
    if (outcome.manifest) leader.beginWith(outcome.manifest, now);
    else leader.beginAsItLies(now);
    this.#applyWish(now);
  }

  #lead(epoch: number, replicas: readonly ReplicaId[]): Leader {
    this.#follower.stop();
    this.#leader = new Leader({ context: this.#context, epoch, replicas, readings: this.#readings });
    return this.#leader;
  }

  #applyWish(now: Instant): void {
    if (this.#wish) this.#leader?.wish(this.#wish, now);
  }

  #hear(from: ReplicaId, message: Message, now: Instant): void {
    switch (message.kind) {
      case "promise-request":
      case "offer":
      case "change":
      case "announce":
        return this.#judge(from, message, now);
      case "refusal":
        return this.#refused(from, message.epoch, message.promised);
      case "promise":
        return this.#takeOver(this.#candidate?.hear(from, message, now), now);
      case "ack":
        return this.#leader?.hear(from, message, now);
      case "want":
        return this.#supply(from, message.epoch, message.hashes);
      case "blocks":
        if (this.#candidate) return this.#takeOver(this.#candidate.hear(from, message, now), now);
        return this.#leader ? undefined : this.#follower.hear(from, message, now);
      default:
        message satisfies never;
    }
  }

  /** Somebody leads, or wants to. An epoch belongs to whoever came with it first. */
  #judge(from: ReplicaId, message: Message, now: Instant): void {
    const { epoch } = message;
    const { promised, leader } = this.#shelf;
    const isOthers = epoch === promised && leader !== from;
    if (isOthers || this.#context.rules.isRefused(epoch, promised)) {
      return send(this.#context, from, { kind: "refusal", epoch, promised });
    }
    if (epoch !== promised) {
      this.#depose(`${from} leads epoch ${epoch}`);
      this.#follower.stop();
      return this.#promise({ epoch, from, message });
    }
    if (this.#pending?.epoch === epoch) return;
    this.#obey(from, message, now);
  }

  #obey(from: ReplicaId, message: Message, now: Instant): void {
    if (message.kind !== "promise-request") return this.#follower.hear(from, message, now);
    const { lost, newest } = this.#shelf;
    const manifest = newest && encodeManifest(newest);
    send(this.#context, from, { kind: "promise", epoch: message.epoch, manifest, lost });
  }

  #promise(pending: Pending): void {
    this.#pending = pending;
    this.#context.emit(this.#shelf.promise({ epoch: pending.epoch, leader: pending.from }));
  }

  #promised(epoch: number, now: Instant): void {
    const pending = this.#pending;
    if (pending?.epoch !== epoch) return;
    this.#pending = undefined;
    if (pending.message) this.#obey(pending.from, pending.message, now);
    else this.#takeOver(this.#candidate?.promised(now), now);
  }

  #refused(from: ReplicaId, epoch: number, promised: number): void {
    const own = this.#leader?.epoch ?? this.#candidate?.nomination.epoch;
    if (epoch === own && promised >= epoch) this.#depose(`${from} has promised epoch ${promised}`);
  }

  #depose(reason: string): void {
    const epoch = this.#leader?.epoch ?? this.#candidate?.nomination.epoch;
    if (epoch === undefined) return;
    this.#stepDown();
    this.#context.emit({ kind: "deposed", epoch, reason });
  }

  #stepDown(): void {
    this.#leader = undefined;
    this.#candidate = undefined;
    this.#readings.stop();
  }

  #committed(position: Position, now: Instant): void {
    const manifest = this.#shelf.committed(position);
    if (!manifest) return;
    this.#trouble = undefined;
    if (this.#leader) this.#leader.committed(manifest, now);
    else if (this.#candidate) this.#takeOver(this.#candidate.committed(now), now);
    else this.#follower.committed(manifest, now);
    const targets = (this.#leader ?? this.#candidate ?? this.#follower).targets;
    this.#context.emit(...this.#shelf.tidy(targets));
  }

  #commitFailed(reason: string, now: Instant): void {
    const { committing } = this.#shelf;
    this.#trouble = committing ? `snapshot ${showPosition(positionOf(committing))}: ${reason}` : reason;
    this.#shelf.commitFailed();
    if (this.#leader) this.#leader.commitFailed(committing, now);
    else if (this.#candidate) this.#candidate.commitFailed(now);
    else this.#follower.commitFailed(now);
  }

  #damaged(hashes: readonly Hash[]): void {
    this.#shelf.damage(hashes);
    this.#trouble = `${hashes.length} blocks are damaged`;
  }

  #supply(to: ReplicaId, epoch: number, wanted: readonly Hash[]): void {
    const hashes = wanted.filter((hash) => this.#shelf.has(hash));
    if (hashes.length > 0) this.#context.emit({ kind: "supply", to, epoch, hashes });
  }
}

import type { Instant } from "@cluster-os/std";
import { Collector } from "./collector.ts";
import { send, type Context } from "./context.ts";
import { applyDifference } from "./difference.ts";
import { decodeManifest, type Manifest, type ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import { reaches } from "./position.ts";

type Change = Extract<Message, { kind: "change" }>;

/** Keeps what its leader offers, and says so when it is on disk. */
export class Follower {
  readonly #context: Context;
  readonly #collector: Collector;

  constructor(context: Context) {
    this.#context = context;
    this.#collector = new Collector(context);
  }

  get wakeAt(): Instant {
    return this.#collector.wakeAt;
  }

  get targets(): readonly Manifest[] {
    return this.#collector.targets;
  }

  /** A message of the leader that this machine follows. */
  hear(from: ReplicaId, message: Message, now: Instant): void {
    switch (message.kind) {
      case "offer":
        return this.#offered(from, decodeManifest(message.manifest), now);
      case "change":
        return this.#changed(from, message, now);
      case "announce":
        return this.#acknowledge();
      case "blocks":
        return this.#collector.receive(message.blocks, now);
      default:
        return;
    }
  }

  committed(manifest: Manifest, now: Instant): void {
    const { rules, shelf } = this.#context;
    // Who promised a later epoch meanwhile has told somebody that it keeps less than this.
    if (rules.mayAcknowledge(manifest.epoch, shelf.promised)) this.#keeps(manifest);
    this.#collector.diskIsFree(now);
  }

  commitFailed(now: Instant): void {
    this.#collector.commitFailed(now);
  }

  wake(now: Instant): void {
    this.#collector.wake(now);
  }

  /** Another leader, or none: what was begun for the old one is of no use. */
  stop(): void {
    this.#collector.stop();
  }

  /** Whose base is not here any more is told what is; the whole comes when that is asked for again. */
  #changed(from: ReplicaId, { epoch, base, sequence, difference }: Change, now: Instant): void {
    const { shelf, rules } = this.#context;
    if (this.#collector.collects({ epoch, sequence })) return;
    const manifest = shelf.baseOf({ epoch, sequence: base });
    if (!manifest || reaches(shelf.newest, { epoch, sequence })) return this.#acknowledge();
    this.#offered(from, applyDifference(manifest, sequence, difference, rules), now);
  }

  #offered(from: ReplicaId, manifest: Manifest, now: Instant): void {
    const { name, shelf, rules } = this.#context;
    if (manifest.name !== name || manifest.leader !== from || manifest.epoch !== shelf.promised) return;
    if (reaches(shelf.newest, manifest)) return this.#acknowledge();
    this.#collector.collect({ manifest, sources: [from], epoch: manifest.epoch }, now);
    if (rules.acknowledgesEarly && shelf.missing(manifest).length === 0) this.#keeps(manifest);
  }

  #keeps({ leader, epoch, sequence }: Manifest): void {
    if (leader !== this.#context.self) send(this.#context, leader, { kind: "ack", epoch, sequence });
  }

  /** How far this machine has come in the epoch that it follows. */
  #acknowledge(): void {
    const { shelf } = this.#context;
    const { newest, leader, promised } = shelf;
    if (leader === undefined || leader === this.#context.self) return;
    const sequence = newest?.epoch === promised ? newest.sequence : 0;
    send(this.#context, leader, { kind: "ack", epoch: promised, sequence });
  }
}

import type { Instant } from "@cluster-os/std";
import { Collector } from "./collector.ts";
import { send, type Context } from "./context.ts";
import { decodeManifest, positionOf, type Manifest, type ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import { newest, type ReplicaReport } from "./newest.ts";
import { comparePositions, showPosition, type Position } from "./position.ts";
import type { Nomination } from "./protocol.ts";

interface Answer {
  readonly report: ReplicaReport;
  readonly manifest: Manifest | undefined;
}

/** What a candidate came to: the snapshot to go on from, or none where there never was one. */
export interface Outcome {
  readonly manifest: Manifest | undefined;
  readonly replicas: readonly ReplicaId[];
}

/**
 * From a nomination to the directory in place. A majority promises to follow nobody earlier; the newest snapshot among
 * what they keep is fetched and put into the directory. A majority of the set that this snapshot names has to promise, so one
 * more round may be needed.
 */
export class Candidate {
  readonly nomination: Nomination;
  readonly #context: Context;
  readonly #collector: Collector;
  readonly #answers = new Map<ReplicaId, Answer>();
  readonly #asked = new Set<ReplicaId>();
  #stage: "promising" | "asking" | "fetching" | "restoring" | "done" = "promising";
  #chosen: Outcome | undefined;
  #waitingFor = "its own promise to be on disk";
  #askAt: Instant = Infinity;

  constructor(context: Context, nomination: Nomination) {
    this.#context = context;
    this.nomination = nomination;
    this.#collector = new Collector(context);
  }

  get wakeAt(): Instant {
    return Math.min(this.#askAt, this.#collector.wakeAt);
  }

  get waitingFor(): string {
    return this.#waitingFor;
  }

  get targets(): readonly Manifest[] {
    return this.#collector.targets;
  }

  /** Its own promise is on disk. */
  promised(now: Instant): Outcome | undefined {
    if (this.#stage !== "promising") return undefined;
    this.#stage = "asking";
    return this.#ask(now);
  }

  hear(from: ReplicaId, message: Message, now: Instant): Outcome | undefined {
    if (message.kind === "blocks" && this.#stage === "fetching") this.#collector.receive(message.blocks, now);
    if (message.kind !== "promise" || this.#stage !== "asking") return undefined;
    // A promise for an earlier nomination says nothing about this one.
    if (message.epoch !== this.nomination.epoch) return undefined;
    const manifest = message.manifest && decodeManifest(message.manifest);
    if (manifest && manifest.name !== this.#context.name) return undefined;
    this.#answers.set(from, { report: reportOf(from, message, manifest), manifest });
    return this.#choose(now);
  }

  committed(now: Instant): Outcome | undefined {
    const { shelf } = this.#context;
    const goal = this.#chosen?.manifest;
    this.#collector.diskIsFree(now);
    if (this.#stage !== "fetching" || !goal || !shelf.newest) return undefined;
    const isAhead = comparePositions(shelf.newest, goal);
    if (isAhead === 0) this.#restore(goal);
    // What this machine was writing when it was nominated is newer than what was chosen without it.
    return isAhead > 0 ? this.#ask(now) : undefined;
  }

  commitFailed(now: Instant): void {
    this.#collector.commitFailed(now);
  }

  restored(position: Position): Outcome | undefined {
    const { manifest } = this.#chosen ?? {};
    if (this.#stage !== "restoring" || !manifest || comparePositions(manifest, position) !== 0)
      return undefined;
    this.#stage = "done";
    return this.#chosen;
  }

  restoreFailed(now: Instant): void {
    if (this.#stage === "restoring") this.#askAt = now + this.#context.config.diskRetryMs;
  }

  wake(now: Instant): Outcome | undefined {
    this.#collector.wake(now);
    if (now < this.#askAt) return undefined;
    if (this.#stage === "restoring" && this.#chosen?.manifest) {
      // What was found damaged meanwhile has to come from another one.
      if (this.#context.shelf.missing(this.#chosen.manifest).length > 0) return this.#ask(now);
      this.#restore(this.#chosen.manifest);
      return undefined;
    }
    return this.#stage === "asking" ? this.#ask(now) : undefined;
  }

  /** Asks those that have not answered, and again those that were asked long ago. */
  #ask(now: Instant): Outcome | undefined {
    this.#stage = "asking";
    this.#chosen = undefined;
    this.#askAt = now + this.#context.config.retryMs;
    this.#asked.clear();
    return this.#choose(now);
  }

  /** Everybody whose answer may count: those given, and those that any snapshot seen names. */
  #askMore(): void {
    const named = [...this.#answers.values()].flatMap(({ manifest }) => manifest?.replicas ?? []);
    for (const replica of new Set([...this.nomination.replicas, ...named])) {
      if (this.#answers.has(replica) || this.#asked.has(replica)) continue;
      this.#asked.add(replica);
      send(this.#context, replica, { kind: "promise-request", epoch: this.nomination.epoch });
    }
  }

  #choose(now: Instant): Outcome | undefined {
    const { rules, self, shelf } = this.#context;
    this.#answers.set(self, { report: shelf.report(self), manifest: shelf.newest });
    const reports = [...this.#answers.values()].map(({ report }) => report);
    const choice = newest(reports, this.nomination.replicas, rules);
    if (choice.kind === "waiting") {
      this.#waitingFor = choice.reason;
      this.#askMore();
      return undefined;
    }
    if (!choice.replicas.includes(self)) {
      this.#waitingFor = `a place in the replica set, which is ${choice.replicas.join(", ")}`;
      return undefined;
    }
    if (choice.kind === "empty") return this.#found(choice.replicas);
    const isOwn = !rules.fetchesNewest && shelf.newest !== undefined;
    const holder = isOwn ? self : choice.holders[0];
    const manifest = holder === undefined ? undefined : this.#answers.get(holder)?.manifest;
    if (!manifest) return undefined;
    this.#chosen = { manifest, replicas: manifest.replicas };
    this.#fetch(manifest, now);
    return undefined;
  }

  #found(replicas: readonly ReplicaId[]): Outcome | undefined {
    if (!this.nomination.mayFound) {
      this.#waitingFor =
        "a replica with a snapshot: none of a majority has one, and this is not to be a new directory";
      return undefined;
    }
    this.#stage = "done";
    return { manifest: undefined, replicas };
  }

  #fetch(manifest: Manifest, now: Instant): void {
    const { shelf, self } = this.#context;
    if (shelf.newest && comparePositions(shelf.newest, manifest) === 0) return this.#restore(manifest);
    this.#stage = "fetching";
    this.#askAt = Infinity;
    this.#waitingFor = `the blocks of snapshot ${showPosition(positionOf(manifest))}`;
    const holders = [...this.#answers.values()]
      .filter((answer) => answer.manifest && comparePositions(answer.manifest, manifest) === 0)
      .map(({ report }) => report.replica)
      .filter((replica) => replica !== self);
    this.#collector.collect({ manifest, sources: holders, epoch: this.nomination.epoch }, now);
  }

  #restore(manifest: Manifest): void {
    this.#stage = "restoring";
    this.#askAt = Infinity;
    this.#waitingFor = `the directory to become snapshot ${showPosition(positionOf(manifest))}`;
    this.#context.emit({ kind: "restore", manifest });
  }
}

function reportOf(
  replica: ReplicaId,
  { epoch, lost }: Extract<Message, { kind: "promise" }>,
  manifest: Manifest | undefined,
): ReplicaReport {
  return {
    replica,
    promised: epoch,
    ...(manifest ? { position: positionOf(manifest), replicas: manifest.replicas } : {}),
    ...(lost ? { lost } : {}),
  };
}

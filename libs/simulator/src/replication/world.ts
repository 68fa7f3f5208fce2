import {
  decodeMessage,
  encodeMessage,
  MANIFESTS_FOLDER,
  newest,
  type ReplicaId,
  type ReplicaReport,
  type ReplicationEffect,
} from "@cluster-os/replication";
import { randomInteger, seededRng, shuffled, type Instant, type Rng } from "@cluster-os/std";
import { EventQueue } from "../event-queue.ts";
import { SimulatedNetwork } from "../network.ts";
import { Ledger, sameContent } from "./ledger.ts";
import { NAME, ReplicaMachine, type ReplicationVariation, type Surroundings } from "./machine.ts";

const SECOND = 1_000;
/** Whoever nominates looks this often, and gives a leader so long. */
const LOOK_MS = 500;
const PATIENCE_MS = 3 * SECOND;

/** Machines that keep a directory, who nominates, what works on the directory, and what goes wrong. */
export class ReplicationWorld {
  readonly ledger = new Ledger();
  readonly trace: string[] = [];
  readonly machines: readonly ReplicaMachine[];
  /** The replica set that is wished for. */
  wish: readonly ReplicaId[];
  /** The set that whoever nominates remembers: the first. */
  readonly #founders: readonly ReplicaId[];
  now: Instant = 0;
  /** Nothing goes wrong any more, and nothing is written. */
  isCalm = false;
  /** Milliseconds that a disk takes at most. */
  slowDiskMs = 5;
  readonly rng: Rng;
  readonly network: SimulatedNetwork;
  readonly #events = new EventQueue();
  #epoch = 0;
  #leader: ReplicaMachine | undefined;
  #nominatedAt: Instant = -Infinity;
  #writes = 0;
  /** One machine at most is lost or damaged in a history: more is more than a set of three bears. */
  #isHarmed = false;

  constructor(seed: number, variation: ReplicationVariation) {
    this.rng = seededRng(seed);
    this.network = new SimulatedNetwork(this.rng, {
      loss: this.rng.fraction() * 0.2,
      duplication: 0.05,
      delayMs: [0.2, 1 + this.rng.fraction() * 40],
    });
    const surroundings: Surroundings = {
      rng: this.rng,
      ledger: this.ledger,
      variation,
      // One that does not wait comes far ahead of the others alone.
      config: { paceMs: this.#chance(2) ? 50 : SECOND },
      now: () => this.now,
      at: (when, act) => this.#events.put(when, act),
      send: (from, effect) => this.#send(from, effect),
      diskMs: () => 0.2 + this.rng.fraction() * this.slowDiskMs,
      note: (machine, what) => this.note(`${machine.id} ${what}`),
    };
    const count = 3 + randomInteger(this.rng, 4);
    this.machines = Array.from({ length: count }, (_, at) => new ReplicaMachine(`n${at}`, surroundings));
    this.wish = this.machines.slice(0, count >= 5 && this.#chance(2) ? 5 : 3).map(({ id }) => id);
    this.#founders = this.wish;
    for (const machine of this.machines) machine.start();
    this.#every(LOOK_MS, () => this.#nominate());
    this.#every(60, () => this.#work());
    this.#every(200, () => this.#ask());
  }

  runUntil(end: Instant): void {
    while (this.#events.nextAt <= end && this.ledger.violation === undefined) {
      const event = this.#events.take();
      if (!event) return;
      this.now = event.at;
      event.act();
    }
    this.now = Math.max(this.now, end);
  }

  note(what: string): void {
    this.trace.push(`${(this.now / SECOND).toFixed(3)} s ${what}`);
  }

  /** One piece of bad luck. */
  strike(): void {
    const machine = this.machines[randomInteger(this.rng, this.machines.length)] as ReplicaMachine;
    if (machine.isBurnt) return;
    switch (randomInteger(this.rng, 11)) {
      case 0:
      case 1:
        return this.#stop(machine, false);
      case 2:
      case 3:
        return this.#stop(machine, true);
      case 4:
        return this.#stop(this.#leader ?? machine, true);
      case 5:
        return this.#cutOff(this.#chance(2) ? machine : (this.#leader ?? machine));
      case 6:
        this.note(`${machine.id} hangs`);
        machine.frozenUntil = this.now + 200 + randomInteger(this.rng, 6 * SECOND);
        return;
      case 7:
        this.note(`the disk of ${machine.id} is full`);
        machine.disk.isFull = true;
        return this.#in(randomInteger(this.rng, 4 * SECOND), () => (machine.disk.isFull = false));
      case 8:
        this.slowDiskMs = this.#chance(2) ? 5 : 400;
        return;
      case 9:
        return this.#isHarmed ? undefined : this.#harm(machine);
      case 10:
        return this.#wishAnother();
    }
  }

  /** All is mended but what is lost for good. */
  calm(): void {
    this.isCalm = true;
    this.slowDiskMs = 5;
    this.network.conditions = { ...this.network.conditions, loss: 0.01 };
    this.wish = this.wish.map((id) => (this.#find(id).isBurnt ? (this.#spare() ?? id) : id));
    this.note(`calm; the set shall be ${this.wish.join(" ")}`);
  }

  /** What has to be so when all has been calm for a while. */
  checkEnd(): void {
    const leader = this.#leader;
    const status = leader?.core?.status();
    if (!leader || status?.role.kind !== "leader") return this.ledger.accuse("at the end nobody leads");
    const { position, replicas = [] } = status.report;
    const content = position && this.ledger.contentOf(position);
    if (!content || !sameContent(content, leader.directory)) {
      this.ledger.accuse("at the end the newest snapshot is not what the leader's directory is");
    }
    const burnt = this.machines.filter(({ isBurnt }) => isBurnt).map(({ id }) => id);
    const wished = [...this.wish].sort().join(" ");
    const isReached = [...replicas].sort().join(" ") === wished || burnt.some((id) => this.wish.includes(id));
    if (!isReached && this.wish.includes(leader.id)) {
      this.ledger.accuse(`at the end the set is ${replicas.join(" ")}, wished was ${wished}`);
    }
    for (const id of replicas) {
      const report = this.#find(id).core?.report();
      if (burnt.includes(id) || !report) continue;
      const isSame =
        report.position?.epoch === position?.epoch && report.position?.sequence === position?.sequence;
      if (!isSame) this.ledger.accuse(`at the end ${id} does not keep what the leader keeps`);
    }
  }

  #send(from: ReplicaId, { to, message }: Extract<ReplicationEffect, { kind: "send" }>): void {
    const bytes = encodeMessage(NAME, message);
    const receiver = this.machines.find(({ id }) => id === to);
    if (!receiver) return;
    this.network.carry(indexOf(from), indexOf(to), bytes.length, (delayMs) =>
      this.#in(delayMs, () =>
        receiver.give({ kind: "message", from, message: decodeMessage(bytes).message }),
      ),
    );
  }

  /** Nominates as an operator would: whoever is newest by what is said, or somebody who cannot know better. */
  #nominate(): void {
    const leader = this.#leader;
    const isWell =
      leader?.isServing &&
      this.now >= leader.frozenUntil &&
      this.ledger.violation === undefined &&
      this.#isHeard(leader);
    if (isWell) {
      if (leader.core) leader.give({ kind: "wish-replicas", replicas: this.wish });
      if (this.isCalm || !this.#chance(60)) return;
    }
    if (this.now < this.#nominatedAt + PATIENCE_MS && !this.#chance(10)) return;
    const again = leader?.core && !leader.isServing && this.#chance(2);
    const candidate = again ? leader : this.#candidate();
    if (!candidate) return;
    if (!again) this.#epoch += 1;
    this.#leader = candidate;
    this.#nominatedAt = this.now;
    this.note(`${candidate.id} is nominated for epoch ${this.#epoch}`);
    const nomination = {
      epoch: this.#epoch,
      replicas: this.#founders,
      mayFound: !this.ledger.hasAcknowledged,
    };
    candidate.isServing = false;
    candidate.give({ kind: "lead", nomination });
  }

  #candidate(): ReplicaMachine | undefined {
    const reports = this.#reports();
    const choice = newest(reports, this.#founders);
    const ids =
      choice.kind === "newest" && !this.#chance(4) ? choice.holders : reports.map(({ replica }) => replica);
    const id = shuffled(this.rng, ids).find((one) => this.#isMember(one));
    return id === undefined ? undefined : this.#find(id);
  }

  /** In calm, whom to nominate has to be somebody that can lead: a member of the newest set. */
  #isMember(id: ReplicaId): boolean {
    const choice = newest(this.#reports(), this.#founders);
    return !this.isCalm || choice.kind !== "newest" || choice.replicas.includes(id);
  }

  #reports(): readonly ReplicaReport[] {
    return this.machines.flatMap(({ core }) => (core ? [core.report()] : []));
  }

  /** What an operator would believe that hears some of them at this moment. */
  #ask(): void {
    const some = this.#reports().filter(() => !this.#chance(3));
    this.ledger.nominates(some, this.#founders);
  }

  /** The service: a job's file first, then what speaks of the job. */
  #work(): void {
    if (this.isCalm) return;
    for (const machine of this.machines) {
      if (!machine.isServing || this.now < machine.frozenUntil || !this.#chance(2)) continue;
      this.#writes += 1;
      machine.write(`job.${this.#writes % 7}`, `script ${this.#writes}`);
      machine.write("job_state", `up to ${this.#writes} by ${machine.id}`);
    }
  }

  #stop(machine: ReplicaMachine, withPower: boolean): void {
    if (!machine.core || machine.isBurnt) return;
    this.note(`${machine.id} ${withPower ? "loses power" : "is killed"}`);
    machine.stop(withPower);
    this.#in(50 + randomInteger(this.rng, 4 * SECOND), () => {
      if (!machine.isBurnt && !machine.core) machine.start();
    });
  }

  #cutOff(machine: ReplicaMachine): void {
    const others = this.machines.filter((other) => other !== machine && !this.#chance(4));
    const isOneWay = this.#chance(4);
    this.note(`${machine.id} is cut off from ${others.map(({ id }) => id).join(" ")}`);
    const own = indexOf(machine.id);
    const each = (act: "cut" | "mend"): void => {
      for (const { id } of others) {
        this.network[act](own, indexOf(id));
        if (!isOneWay) this.network[act](indexOf(id), own);
      }
    };
    each("cut");
    this.#in(500 + randomInteger(this.rng, 8 * SECOND), () => each("mend"));
  }

  #isHeard(machine: ReplicaMachine): boolean {
    return this.machines.some(
      ({ id, core }) => id !== machine.id && core && !this.network.isCut(indexOf(machine.id), indexOf(id)),
    );
  }

  /** A machine is lost for good, or its disk has changed what it keeps. */
  #harm(machine: ReplicaMachine): void {
    this.#isHarmed = true;
    if (this.#chance(2) && this.#spare() !== undefined) {
      this.note(`${machine.id} burns`);
      machine.stop(true);
      machine.isBurnt = true;
      this.wish = this.wish.map((id) => (id === machine.id ? (this.#spare() ?? id) : id));
      return;
    }
    const report = machine.core?.report();
    const paths = [
      ...machine.disk.list("blocks"),
      ...machine.disk.list(MANIFESTS_FOLDER).slice(-1),
      ...machine.disk.list(MANIFESTS_FOLDER).slice(-1),
    ];
    const path = paths[randomInteger(this.rng, Math.max(1, paths.length))];
    if (path === undefined || !report) return;
    this.note(`${machine.id} keeps a damaged ${path}`);
    machine.disk.rot(path);
    this.#stop(machine, this.#chance(2));
  }

  #wishAnother(): void {
    const able = this.machines.filter(({ isBurnt }) => !isBurnt).map(({ id }) => id);
    const size = Math.min(able.length, this.#chance(2) ? 3 : 5);
    if (size < 3) return;
    this.wish = shuffled(this.rng, able).slice(0, size);
    this.note(`the set shall be ${this.wish.join(" ")}`);
  }

  #spare(): ReplicaId | undefined {
    return this.machines.find(({ id, isBurnt }) => !isBurnt && !this.wish.includes(id))?.id;
  }

  #find(id: ReplicaId): ReplicaMachine {
    return this.machines[indexOf(id)] as ReplicaMachine;
  }

  #every(ms: number, act: () => void): void {
    this.#in(ms, () => {
      act();
      this.#every(ms, act);
    });
  }

  #in(ms: number, act: () => void): void {
    this.#events.put(this.now + ms, act);
  }

  #chance(oneIn: number): boolean {
    return randomInteger(this.rng, oneIn) === 0;
  }
}

function indexOf(id: ReplicaId): number {
  return Number(id.slice(1));
}

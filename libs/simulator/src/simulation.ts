import type { NodeId } from "@cluster-os/identity";
import {
  decodeNodeState,
  type FormationRules,
  type NodeProtocolEffect,
  type NodeProtocolInput,
} from "@cluster-os/formation";
import { describeError, invariant, randomInteger, seededRng, type Instant, type Rng } from "@cluster-os/std";
import { EventQueue } from "./event-queue.ts";
import { FaultInjector } from "./fault-injector.ts";
import { planFaults, type FaultPlan, type Focus } from "./faults.ts";
import { Invariants } from "./invariants.ts";
import { SimulatedNetwork } from "./network.ts";
import { shareSignatures } from "./shared-signatures.ts";
import { descriptionOf, SimulatedMachine } from "./simulated-machine.ts";
import { SimulatedKubernetes } from "./simulated-kubernetes.ts";
import { whatIsMissing } from "./wellness.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly machines: number;
  /** Default "all". */
  readonly focus?: Focus;
  /** Rules to break, and what a restart finds on the disk: to show that it is noticed. */
  readonly rules?: Partial<FormationRules>;
  readonly readDisk?: (disk: Uint8Array | undefined) => Uint8Array | undefined;
}

export interface Outcome {
  /** Virtual milliseconds until all was well. */
  readonly durationMs: Instant;
  readonly steps: number;
  readonly epochs: number;
  /** The initialiser was lost for good at the one moment after which only a person can decide. */
  readonly needsPerson: boolean;
}

/** A history that went wrong; the message has the seed that replays it and its last events. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
}

/** All must be well so long after the last fault was put right, in milliseconds. */
const LIVENESS_MS = 240_000;
const CHECK_EVERY_MS = 1_000;
/** So many steps at one instant are a machine that spins. */
const MAX_STEPS_AT_ONCE = 10_000;
const TRACE_LENGTH = 60;

/** Runs one history from power-on until, with every fault put right, all machines are in one cluster. */
export function simulate(options: SimulationOptions): Outcome {
  shareSignatures();
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #focus: Focus;
  readonly #rng: Rng;
  readonly #queue = new EventQueue();
  readonly #network: SimulatedNetwork;
  readonly #kubernetes: SimulatedKubernetes;
  readonly #machines = new Map<number, SimulatedMachine>();
  readonly #invariants = new Invariants();
  readonly #faults: FaultInjector;
  readonly #wakes = new Map<number, Instant>();
  /** Machines that are to crash amid the effects of their next step, and for how long. */
  readonly #crashMidStep = new Map<number, number>();
  readonly #indexes = new Map<NodeId, number>();
  readonly #trace: string[] = [];
  readonly #expect: number;
  #outcome: Outcome | undefined;
  #now: Instant = 0;
  #quietAt: Instant = 0;
  #steps = 0;
  #stepsAtOnce = 0;
  #isLateJoined = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#focus = options.focus ?? "all";
    this.#rng = seededRng(options.seed);
    const plan = planFaults(this.#rng, options.machines, this.#focus);
    // One machine more than an even number expected cannot found a second cluster, whatever happens: see formation.
    const hasSurplus = options.machines > 1 && options.machines % 2 === 1 && this.#rng.fraction() < 0.3;
    this.#expect = options.machines - (hasSurplus ? 1 : 0);
    this.#network = new SimulatedNetwork(this.#rng, plan.conditions);
    this.#kubernetes = this.#makeKubernetes();
    plan.bootAt.forEach((at, place) => this.#boot(place + 1, at));
    this.#faults = this.#makeFaults(plan);
    this.#queue.put(CHECK_EVERY_MS, () => this.#check());
  }

  run(): Outcome {
    try {
      let outcome: Outcome | undefined;
      while (!(outcome = this.#outcome)) {
        const event = this.#queue.take();
        invariant(event, "a check is always scheduled");
        this.#stepsAtOnce = event.at > this.#now ? 0 : this.#stepsAtOnce + 1;
        if (this.#stepsAtOnce > MAX_STEPS_AT_ONCE) throw new Error("a machine spins");
        this.#now = event.at;
        event.act();
      }
      return outcome;
    } catch (cause) {
      const { seed, machines } = this.#options;
      const trace = this.#trace.slice(-TRACE_LENGTH).join("\n  ");
      throw new SimulationError(
        `seed ${seed} with ${machines} machines: ${describeError(cause)}\n  ${trace}`,
        { cause },
      );
    }
  }

  #makeKubernetes(): SimulatedKubernetes {
    return new SimulatedKubernetes({
      rng: this.#rng,
      after: (machine, ms, act) => this.#afterOn(machine, ms, act),
      numberOf: (nodeId) => this.#find(nodeId).number,
      isConnected: (one, other) => this.#isConnected(one, other),
      joined: (machine, epoch) => this.#afterOn(machine, 0, () => this.#joined(machine, epoch)),
    });
  }

  #makeFaults(plan: FaultPlan): FaultInjector {
    return new FaultInjector(plan, {
      network: this.#network,
      now: () => this.#now,
      at: (at, act) => this.#queue.put(at, act),
      machines: () => [...this.#machines.keys()],
      crash: (number, ms, isMidStep) => {
        const machine = this.#machine(number);
        if (isMidStep && machine.isUp) this.#crashMidStep.set(number, ms);
        else this.#crash(machine, ms);
      },
      loseForever: (number) => this.#loseForever(this.#machine(number)),
      disturbUntil: (end) => this.#disturbUntil(end),
      note: (what) => this.#note(undefined, what),
    });
  }

  #loseForever(machine: SimulatedMachine): void {
    // The only server of a small cluster is no loss that others could make up for.
    if ((machine.protocol?.genesis?.servers.length ?? 0) < 3) return;
    machine.isLost = true;
    this.#note(machine, "is lost for good");
  }

  #boot(number: number, at: Instant): void {
    const { seed, rules = {}, readDisk = (disk) => disk } = this.#options;
    const joinKey = new Uint8Array(32).fill(1);
    const machine = new SimulatedMachine({ number, seed, joinKey, expect: this.#expect, rules, readDisk });
    this.#machines.set(number, machine);
    this.#disturbUntil(at);
    this.#queue.put(at, () => this.#start(machine));
  }

  #start(machine: SimulatedMachine): void {
    if (machine.isUp || machine.isLost) return;
    this.#note(machine, "starts");
    machine.start(this.#now);
    this.#step(machine, { kind: "wake" });
  }

  /** Down for so many milliseconds, unless it is lost for good. */
  #crash(machine: SimulatedMachine, ms: number): void {
    this.#disturbUntil(this.#now + ms);
    this.#queue.put(this.#now + ms, () => this.#start(machine));
    if (!machine.isUp) return;
    this.#note(machine, "crashes");
    machine.crash();
    this.#crashMidStep.delete(machine.number);
    this.#kubernetes.drop(machine.number);
  }

  #step(machine: SimulatedMachine, input: NodeProtocolInput): void {
    if (!machine.isUp) return;
    this.#steps += 1;
    const effects = machine.step(input, this.#now);
    const mayCarryOut = this.#crashMidStep.has(machine.number)
      ? randomInteger(this.#rng, effects.length + 1)
      : Infinity;
    for (const [place, effect] of effects.entries()) {
      const crashMs = this.#crashMidStep.get(machine.number);
      // Before an effect by chance, or because the one before it sprang an ambush.
      if (crashMs !== undefined && (place >= mayCarryOut || mayCarryOut === Infinity))
        return this.#crash(machine, crashMs);
      this.#apply(machine, effect);
    }
    this.#scheduleWake(machine);
  }

  #scheduleWake(machine: SimulatedMachine): void {
    if (!machine.protocol) return;
    const at = Math.max(this.#now, machine.protocol.wakeAt);
    const scheduled = this.#wakes.get(machine.number);
    if (scheduled !== undefined && scheduled >= this.#now && scheduled <= at) return;
    this.#wakes.set(machine.number, at);
    this.#queue.put(at, () => {
      if (this.#wakes.get(machine.number) === at) this.#wakes.delete(machine.number);
      if (machine.protocol && machine.protocol.wakeAt <= this.#now) this.#step(machine, { kind: "wake" });
      else this.#scheduleWake(machine);
    });
  }

  #apply(machine: SimulatedMachine, effect: NodeProtocolEffect): void {
    switch (effect.kind) {
      case "persist":
        machine.disk = effect.state;
        return this.#noteBallot(machine, effect.state);
      case "send":
        return this.#send(machine, effect.bytes, (to) => to.address === effect.to);
      case "multicast":
        return this.#send(machine, effect.bytes, (to) => to !== machine);
      case "admitted":
        this.#note(machine, `is member ${effect.index} of ${effect.clusterId.slice(0, 8)}`);
        this.#invariants.noteCluster(effect.clusterId);
        this.#invariants.noteIndex(machine.nodeId, effect.index);
        return this.#faults.spring("decided", machine.number);
      case "application":
        return this.#admit(machine, effect.applicant.nodeId);
      case "epoch":
        this.#note(machine, `is told: epoch ${effect.epoch} by ${this.#find(effect.initialiser).number}`);
        this.#invariants.noteEpoch(effect.epoch, effect.initialiser);
        if (effect.epoch > 0) this.#faults.spring("superseded", machine.number);
        else if (effect.initialiser === machine.nodeId) this.#faults.spring("appointed", machine.number);
        return this.#kubernetes.follow(machine.number, effect.epoch, effect.initialiser);
      case "established":
        this.#note(machine, `knows: epoch ${effect.established.epoch} is established`);
        this.#invariants.noteEstablished(effect.established);
        this.#faults.spring("established", machine.number);
        if (effect.established.servers.includes(machine.nodeId)) {
          this.#kubernetes.follow(machine.number, effect.established.epoch, undefined);
        }
        return;
      case "member-changed":
      case "fact-learned":
      case "message":
        return;
      case "diagnostic":
        return this.#note(machine, `reports ${effect.diagnostic.kind}`);
      default:
        effect satisfies never;
    }
  }

  #noteBallot(machine: SimulatedMachine, state: Uint8Array): void {
    const { promised, accepted } = decodeNodeState(state).genesisBallot;
    if (accepted) this.#faults.spring("accepted", machine.number);
    else if (promised?.proposer === machine.nodeId) this.#faults.spring("proposing", machine.number);
  }

  #send(machine: SimulatedMachine, bytes: Uint8Array, isRecipient: (to: SimulatedMachine) => boolean): void {
    for (const to of this.#machines.values()) {
      if (!isRecipient(to)) continue;
      for (const delay of this.#network.arrivals(machine.number, to.number, bytes.length)) {
        this.#queue.put(this.#now + delay, () =>
          this.#step(to, { kind: "datagram", from: machine.address, bytes }),
        );
      }
    }
  }

  /** The app on a ready server takes an index in the Kubernetes API; here a counter stands for it. */
  #admit(server: SimulatedMachine, nodeId: NodeId): void {
    const established = this.#invariants.established;
    if (!established || !this.#kubernetes.isVoter(server.number, established.epoch)) return;
    const index = this.#indexes.get(nodeId) ?? this.#expect + 100 + this.#indexes.size;
    this.#indexes.set(nodeId, index);
    this.#afterOn(server.number, 50 + 1_000 * this.#rng.fraction(), () =>
      this.#step(server, { kind: "admit", nodeId, index }),
    );
  }

  #joined(number: number, epoch: number): void {
    const machine = this.#machine(number);
    this.#note(machine, `has joined epoch ${epoch}`);
    this.#step(machine, { kind: "joined", epoch });
    this.#step(machine, { kind: "describe", description: descriptionOf("ready", epoch) });
  }

  #disturbUntil(end: Instant): void {
    this.#quietAt = Math.max(this.#quietAt, end);
  }

  #check(): void {
    this.#queue.put(this.#now + CHECK_EVERY_MS, () => this.#check());
    if (this.#now < this.#quietAt) return;
    const missing = whatIsMissing([...this.#machines.values()], this.#focus);
    if (missing !== undefined && !this.#needsPerson) {
      if (this.#now > this.#quietAt + LIVENESS_MS)
        throw new Error(`not well after the last fault: ${missing}`);
      return;
    }
    const mayGrow = this.#focus === "all" && !this.#isLateJoined;
    if (mayGrow && missing === undefined && this.#rng.fraction() < 0.5) {
      this.#isLateJoined = true;
      this.#note(undefined, "one more machine");
      return this.#boot(this.#machines.size + 1, this.#now + 500);
    }
    this.#requireSound();
    const epochs = (this.#invariants.established?.epoch ?? 0) + 1;
    this.#outcome = { durationMs: this.#now, steps: this.#steps, epochs, needsPerson: missing !== undefined };
  }

  /** The limit that formation states: the initialiser is lost for good, and those who joined it may not vote. */
  get #needsPerson(): boolean {
    const machines = [...this.#machines.values()];
    if (!machines.some(({ isLost }) => isLost) || this.#invariants.established) return false;
    const isStuck = machines.some(({ isLost, protocol }) =>
      isLost ? false : protocol?.status.diagnostics.some(({ kind }) => kind === "initialiser-lost"),
    );
    return isStuck && this.#now > this.#quietAt + LIVENESS_MS / 2;
  }

  /** What must hold at the end of any history. */
  #requireSound(): void {
    for (const { protocol } of this.#machines.values()) {
      for (const { nodeId, index } of protocol?.roster?.entries() ?? [])
        this.#invariants.noteIndex(nodeId, index);
    }
    const established = this.#invariants.established;
    if (!established) return;
    const voters = established.servers.filter((nodeId) =>
      this.#kubernetes.isVoter(this.#find(nodeId).number, established.epoch),
    );
    if (voters.length * 2 <= established.servers.length) {
      throw new Error(`only ${voters.length} servers are voters of the established epoch`);
    }
  }

  #machine(number: number): SimulatedMachine {
    const machine = this.#machines.get(number);
    invariant(machine, `there is a machine ${number}`);
    return machine;
  }

  #find(nodeId: NodeId): SimulatedMachine {
    const machine = [...this.#machines.values()].find((candidate) => candidate.nodeId === nodeId);
    invariant(machine, `there is a machine ${nodeId}`);
    return machine;
  }

  #isConnected(one: number, other: number): boolean {
    const isUp = this.#machine(one).isUp && this.#machine(other).isUp;
    // One lost direction does not break a mesh link's short exchanges here; a partition does.
    return isUp && !(this.#network.isCut(one, other) && this.#network.isCut(other, one));
  }

  /** Acts on a machine later, unless it went down in between. */
  #afterOn(number: number, ms: number, act: () => void): void {
    const machine = this.#machine(number);
    const { starts } = machine;
    this.#queue.put(this.#now + ms, () => {
      if (machine.isUp && machine.starts === starts) act();
    });
  }

  #note(machine: SimulatedMachine | undefined, what: string): void {
    const who = machine ? `${machine.number} ` : "";
    this.#trace.push(`${String(Math.round(this.#now)).padStart(7)} ms  ${who}${what}`);
  }
}

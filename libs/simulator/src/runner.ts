import type { NodeProtocolEffect, NodeProtocolInput } from "@cluster-os/formation";
import { randomInteger, type Instant, type Rng } from "@cluster-os/std";
import type { SimulatedMachine } from "./simulated-machine.ts";
import type { Timeline } from "./timeline.ts";

export interface RunnerHost {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly apply: (machine: SimulatedMachine, effect: NodeProtocolEffect) => void;
  readonly started: (machine: SimulatedMachine) => void;
  readonly crashed: (machine: SimulatedMachine) => void;
}

/** A kernel keeps so many datagrams for a process that does not run, and drops the rest. */
const BACKLOG = 256;

/** Makes machines run: gives them their inputs at their times, carries out what they say in order, stops them amid it. */
export class Runner {
  readonly #host: RunnerHost;
  readonly #wakes = new Map<number, Instant>();
  /** Machines that are to crash amid the effects of their next step, and for how long. */
  readonly #crashMidStep = new Map<number, number>();
  /** What waits for machines that are frozen. */
  readonly #backlogs = new Map<number, NodeProtocolInput[]>();
  steps = 0;

  constructor(host: RunnerHost) {
    this.#host = host;
  }

  start(machine: SimulatedMachine): void {
    if (machine.isUp || machine.isLost) return;
    this.#host.started(machine);
    machine.start(this.#host.timeline.now);
    this.step(machine, { kind: "wake" });
  }

  /** Down for so many milliseconds, unless it is lost for good; at once, or amid the effects of its next step. */
  crash(machine: SimulatedMachine, ms: number, isMidStep: boolean): void {
    if (isMidStep && machine.isUp) {
      this.#crashMidStep.set(machine.number, ms);
      return;
    }
    this.#host.timeline.after(ms, () => this.start(machine));
    if (!machine.isUp) return;
    machine.crash();
    this.#crashMidStep.delete(machine.number);
    this.#backlogs.delete(machine.number);
    this.#host.crashed(machine);
  }

  /** The process does not run for so many milliseconds, and then goes on as if nothing had been. */
  freeze(machine: SimulatedMachine, ms: number): void {
    if (!machine.isUp || this.#backlogs.has(machine.number)) return;
    const backlog: NodeProtocolInput[] = [];
    this.#backlogs.set(machine.number, backlog);
    this.#host.timeline.after(ms, () => {
      if (this.#backlogs.get(machine.number) !== backlog) return;
      this.#backlogs.delete(machine.number);
      // Timers that are due come before what waits in sockets.
      this.step(machine, { kind: "wake" });
      for (const input of backlog) this.step(machine, input);
    });
  }

  step(machine: SimulatedMachine, input: NodeProtocolInput): void {
    if (!machine.isUp) return;
    const { timeline, rng, apply } = this.#host;
    const backlog = this.#backlogs.get(machine.number);
    if (backlog) {
      if (input.kind !== "wake" && (input.kind !== "datagram" || backlog.length < BACKLOG))
        backlog.push(input);
      return;
    }
    this.steps += 1;
    const effects = machine.step(input, timeline.now);
    const mayCarryOut = this.#crashMidStep.has(machine.number)
      ? randomInteger(rng, effects.length + 1)
      : Infinity;
    for (let place = 0; place < effects.length; place += 1) {
      const crashMs = this.#crashMidStep.get(machine.number);
      // Before an effect by chance, or because the one before it sprang an ambush.
      if (crashMs !== undefined && (place >= mayCarryOut || mayCarryOut === Infinity)) {
        this.#crashMidStep.delete(machine.number);
        return this.crash(machine, crashMs, false);
      }
      apply(machine, effects[place] as NodeProtocolEffect);
    }
    this.#scheduleWake(machine);
  }

  #scheduleWake(machine: SimulatedMachine): void {
    if (!machine.protocol) return;
    const { timeline } = this.#host;
    const at = Math.max(timeline.now, machine.protocol.wakeAt);
    const scheduled = this.#wakes.get(machine.number);
    if (at === Infinity || (scheduled !== undefined && scheduled >= timeline.now && scheduled <= at)) return;
    this.#wakes.set(machine.number, at);
    timeline.at(at, () => {
      if (this.#wakes.get(machine.number) !== at) return;
      this.#wakes.delete(machine.number);
      if (!machine.protocol || this.#backlogs.has(machine.number)) return;
      if (machine.protocol.wakeAt <= timeline.now) this.step(machine, { kind: "wake" });
      else this.#scheduleWake(machine);
    });
  }
}

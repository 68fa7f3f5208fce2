import { randomInteger, type Instant, type Rng } from "@cluster-os/std";
import type { Timeline } from "./timeline.ts";

/** A machine with a core in it. */
export interface Runnable<Input, Effect> {
  readonly number: number;
  readonly isUp: boolean;
  /** Never to start again. */
  readonly isLost: boolean;
  /** When it wants to be woken; Infinity while it is down. */
  readonly wakeAt: Instant;
  start(now: Instant): void;
  crash(): void;
  step(input: Input, now: Instant): readonly Effect[];
}

export interface RunnerHost<Machine, Effect> {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly apply: (machine: Machine, effect: Effect) => void;
  readonly started: (machine: Machine) => void;
  readonly crashed: (machine: Machine) => void;
}

/** A kernel keeps so many datagrams for a process that does not run, and drops the rest. */
const BACKLOG = 256;

/** Makes machines run: gives them their inputs at their times, carries out what they say in order, stops them amid it. */
export class Runner<
  Machine extends Runnable<Input, Effect>,
  Input extends { readonly kind: string },
  Effect,
> {
  readonly #host: RunnerHost<Machine, Effect>;
  readonly #wake: Input;
  readonly #wakes = new Map<number, Instant>();
  /** Machines that are to crash amid the effects of their next step, and for how long. */
  readonly #crashMidStep = new Map<number, number>();
  /** What waits for machines that are frozen. */
  readonly #backlogs = new Map<number, Input[]>();
  steps = 0;

  /** `wake` is the input that says that it is time. */
  constructor(host: RunnerHost<Machine, Effect>, wake: Input) {
    this.#host = host;
    this.#wake = wake;
  }

  start(machine: Machine): void {
    if (machine.isUp || machine.isLost) return;
    this.#host.started(machine);
    machine.start(this.#host.timeline.now);
    this.step(machine, this.#wake);
  }

  /** Down for so many milliseconds, unless it is lost for good; at once, or amid the effects of its next step. */
  crash(machine: Machine, ms: number, isMidStep: boolean): void {
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
  freeze(machine: Machine, ms: number): void {
    if (!machine.isUp || this.#backlogs.has(machine.number)) return;
    const backlog: Input[] = [];
    this.#backlogs.set(machine.number, backlog);
    this.#host.timeline.after(ms, () => {
      if (this.#backlogs.get(machine.number) !== backlog) return;
      this.#backlogs.delete(machine.number);
      this.#wakes.delete(machine.number);
      // Timers that are due come before what waits in sockets.
      this.step(machine, this.#wake);
      for (const input of backlog) this.step(machine, input);
    });
  }

  step(machine: Machine, input: Input): void {
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
      apply(machine, effects[place] as Effect);
    }
    this.#scheduleWake(machine);
  }

  #scheduleWake(machine: Machine): void {
    const { timeline } = this.#host;
    const at = Math.max(timeline.now, machine.wakeAt);
    const scheduled = this.#wakes.get(machine.number);
    if (at === Infinity || (scheduled !== undefined && scheduled >= timeline.now && scheduled <= at)) return;
    this.#wakes.set(machine.number, at);
    timeline.at(at, () => {
      if (this.#wakes.get(machine.number) !== at) return;
      this.#wakes.delete(machine.number);
      if (!machine.isUp || this.#backlogs.has(machine.number)) return;
      if (machine.wakeAt <= timeline.now) this.step(machine, this.#wake);
      else this.#scheduleWake(machine);
    });
  }
}

import type { Instant } from "@cluster-os/std";
import type { Ambush, Fault, FaultPlan, Moment } from "./faults.ts";
import type { SimulatedNetwork } from "./network.ts";

/** What faults act on. Machines go by number. */
export interface FaultHost {
  readonly network: SimulatedNetwork;
  readonly now: () => Instant;
  readonly at: (at: Instant, act: () => void) => void;
  readonly machines: () => readonly number[];
  /** Down for so many milliseconds, at once or amid the effects of its next step. */
  readonly crash: (machine: number, ms: number, isMidStep: boolean) => void;
  /** It is not to start again after its next crash, if the cluster can do without it. */
  readonly loseForever: (machine: number) => void;
  /** Nothing is expected to be well before `end`. */
  readonly disturbUntil: (end: Instant) => void;
  readonly note: (what: string) => void;
}

/** Carries out a fault plan: what is to happen at a time, and what at a moment. */
export class FaultInjector {
  readonly #host: FaultHost;
  readonly #plan: FaultPlan;
  readonly #ambushes: Map<Moment, Ambush>;
  /** The machines that came to a moment. */
  readonly #arrived = new Map<Moment, Set<number>>();

  constructor(plan: FaultPlan, host: FaultHost) {
    this.#host = host;
    this.#plan = plan;
    this.#ambushes = new Map(plan.ambushes.map((ambush) => [ambush.moment, ambush]));
    for (const fault of plan.faults) {
      host.disturbUntil(fault.at + fault.ms);
      host.at(fault.at, () => this.#begin(fault));
    }
  }

  /** A machine came to a moment that an ambush may wait for. */
  spring(moment: Moment, machine: number): void {
    const ambush = this.#ambushes.get(moment);
    const arrived = this.#arrived.get(moment) ?? new Set<number>();
    this.#arrived.set(moment, arrived.add(machine));
    if (!ambush || arrived.size <= ambush.skip) return;
    this.#ambushes.delete(moment);
    const at = this.#host.now() + ambush.afterMs;
    this.#host.disturbUntil(at + ambush.ms);
    // Within the very step that knows, so that nobody is told; or some time after it.
    if (ambush.afterMs === 0) this.#attack(ambush, machine);
    else this.#host.at(at, () => this.#attack(ambush, machine));
  }

  #attack({ kind, ms, afterMs, isForever, pick }: Ambush, machine: number): void {
    const at = this.#host.now();
    const others = this.#host.machines().filter((other) => other !== machine);
    switch (kind) {
      case "isolate":
        return this.#begin({ kind: "partition", at, ms, side: [machine] });
      case "mute":
        return this.#begin({ kind: "mute", at, ms, machine });
      case "sever": {
        const other = others[Math.floor(pick * others.length)];
        return other === undefined ? undefined : this.#begin({ kind, at, ms, machines: [machine, other] });
      }
      case "crash":
        if (isForever) this.#host.loseForever(machine);
        return this.#begin({ kind: "crash", at, ms, machine, isMidStep: afterMs === 0 });
      default:
        kind satisfies never;
    }
  }

  #begin(fault: Fault): void {
    const end = this.#host.now() + fault.ms;
    const numbers = this.#host.machines();
    this.#host.disturbUntil(end);
    switch (fault.kind) {
      case "crash":
        return this.#host.crash(fault.machine, fault.ms, fault.isMidStep);
      case "partition":
        return this.#partition(fault.side, end);
      case "sever": {
        const [one, other] = fault.machines;
        return this.#cut(end, `sever ${one} and ${other}`, [
          [one, other],
          [other, one],
        ]);
      }
      case "mute":
        return this.#cut(
          end,
          `mute ${fault.machine}`,
          numbers.map((other) => [fault.machine, other]),
        );
      case "deafen":
        return this.#cut(
          end,
          `deafen ${fault.machine}`,
          numbers.map((other) => [other, fault.machine]),
        );
      case "storm":
        this.#host.note(`storm: loss ${fault.conditions.loss.toFixed(2)}`);
        this.#host.network.conditions = fault.conditions;
        return this.#host.at(end, () => {
          this.#host.network.conditions = this.#plan.conditions;
        });
      default:
        fault satisfies never;
    }
  }

  #partition(side: readonly number[], end: Instant): void {
    const others = this.#host.machines().filter((number) => !side.includes(number));
    const across = side.flatMap((one) => others.map((other) => [one, other] as const));
    const back = across.map(([one, other]) => [other, one] as const);
    this.#cut(end, `partition ${side.join(",")}`, [...across, ...back]);
  }

  #cut(end: Instant, what: string, links: readonly (readonly [number, number])[]): void {
    const { network, note } = this.#host;
    note(`${what} until ${Math.round(end)}`);
    for (const [from, to] of links) network.cut(from, to);
    this.#host.at(end, () => {
      note(`end of ${what}`);
      for (const [from, to] of links) network.mend(from, to);
    });
  }
}

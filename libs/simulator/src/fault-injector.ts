import type { Instant } from "@cluster-os/std";
import type { Ambush, Fault, FaultPlan, Moment } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import type { MachineRunner } from "./simulated-machine.ts";
import type { SimulatedNetwork } from "./network.ts";
import type { Timeline } from "./timeline.ts";

/** What faults act on. */
export interface FaultHost {
  readonly network: SimulatedNetwork;
  readonly timeline: Timeline;
  readonly fleet: Fleet;
  readonly runner: MachineRunner;
  /** Nothing is expected to be well before `end`. */
  readonly disturbUntil: (end: Instant) => void;
  readonly note: (what: string, machine?: number) => void;
}

/** Carries out a fault plan: what is to happen at a time, and what at a moment. */
export class FaultInjector {
  readonly #host: FaultHost;
  readonly #plan: FaultPlan;
  readonly #ambushes: Map<Moment, Ambush>;
  /** The machines that came to a moment. */
  readonly #arrived = new Map<Moment, Set<number>>();
  #disturbedUntil: Instant = -Infinity;

  constructor(plan: FaultPlan, host: FaultHost) {
    this.#host = host;
    this.#plan = plan;
    this.#ambushes = new Map(plan.ambushes.map((ambush) => [ambush.moment, ambush]));
  }

  begin(): void {
    for (const fault of this.#plan.faults) {
      this.#host.disturbUntil(fault.at + fault.ms);
      this.#host.timeline.at(fault.at, () => this.#begin(fault));
    }
  }

  /** When the last of the faults that have begun is put right. */
  get disturbedUntil(): Instant {
    return this.#disturbedUntil;
  }

  /** Something goes wrong now. */
  strike(fault: Fault): void {
    this.#begin(fault);
  }

  /** A machine came to a moment that an ambush may wait for. */
  spring(moment: Moment, machine: number): void {
    const ambush = this.#ambushes.get(moment);
    const arrived = this.#arrived.get(moment) ?? new Set<number>();
    this.#arrived.set(moment, arrived.add(machine));
    if (!ambush || arrived.size <= ambush.skip) return;
    this.#ambushes.delete(moment);
    const at = this.#host.timeline.now + ambush.afterMs;
    this.#host.disturbUntil(at + ambush.ms);
    // Within the very step that knows, so that nobody is told; or some time after it.
    if (ambush.afterMs === 0) this.#attack(ambush, machine);
    else this.#host.timeline.at(at, () => this.#attack(ambush, machine));
  }

  #attack({ kind, ms, afterMs, isForever, pick }: Ambush, machine: number): void {
    const at = this.#host.timeline.now;
    const others = this.#host.fleet.numbers.filter((other) => other !== machine);
    switch (kind) {
      case "isolate":
        return this.#begin({ kind: "partition", at, ms, side: [machine], isOneWay: false });
      case "mute":
        return this.#begin({ kind: "mute", at, ms, machine });
      case "sever": {
        const other = others[Math.floor(pick * others.length)];
        return other === undefined ? undefined : this.#begin({ kind, at, ms, machines: [machine, other] });
      }
      case "crash":
        if (isForever) this.#loseForever(machine);
        return this.#begin({ kind: "crash", at, ms, machine, isMidStep: afterMs === 0 });
      default:
        kind satisfies never;
    }
  }

  #begin(fault: Fault): void {
    const { fleet, runner, network, timeline, note, disturbUntil } = this.#host;
    const end = timeline.now + fault.ms;
    const numbers = fleet.numbers;
    disturbUntil(end);
    this.#disturbedUntil = Math.max(this.#disturbedUntil, end);
    switch (fault.kind) {
      case "crash":
        return runner.crash(fleet.get(fault.machine), fault.ms, fault.isMidStep);
      case "freeze":
        note(`is frozen until ${Math.round(end)}`, fault.machine);
        return runner.freeze(fleet.get(fault.machine), fault.ms);
      case "clock":
        note(`has its clock set by ${Math.round(fault.byMs)} ms`, fault.machine);
        fleet.get(fault.machine).clockOffsetMs += fault.byMs;
        return;
      case "partition":
        return this.#partition(fault.side, end, fault.isOneWay);
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
        note(`storm: loss ${fault.conditions.loss.toFixed(2)}`);
        network.conditions = fault.conditions;
        return timeline.at(end, () => {
          network.conditions = this.#plan.conditions;
        });
      default:
        fault satisfies never;
    }
  }

  #loseForever(number: number): void {
    const machine = this.#host.fleet.get(number);
    // The only server of a small cluster is no loss that others could make up for.
    if ((machine.protocol?.genesis?.servers.length ?? 0) < 3) return;
    machine.isLost = true;
    this.#host.note("is lost for good", number);
  }

  /** One way: what the side sends is lost; it hears the others. */
  #partition(side: readonly number[], end: Instant, isOneWay: boolean): void {
    const others = this.#host.fleet.numbers.filter((number) => !side.includes(number));
    const across = side.flatMap((one) => others.map((other) => [one, other] as const));
    const back = across.map(([one, other]) => [other, one] as const);
    const name = `${isOneWay ? "one-way " : ""}partition ${side.join(",")}`;
    this.#cut(end, name, isOneWay ? across : [...across, ...back]);
  }

  #cut(end: Instant, what: string, links: readonly (readonly [number, number])[]): void {
    const { network, note, timeline } = this.#host;
    note(`${what} until ${Math.round(end)}`);
    for (const [from, to] of links) network.cut(from, to);
    timeline.at(end, () => {
      note(`end of ${what}`);
      for (const [from, to] of links) network.mend(from, to);
    });
  }
}

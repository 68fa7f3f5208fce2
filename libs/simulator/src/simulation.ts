import type { NodeProtocolEffect } from "@cluster-os/formation";
import { describeError, seededRng, type Instant, type Rng } from "@cluster-os/std";
import { EffectRunner } from "./effect-runner.ts";
import { deathKnownWithinMs } from "./ending.ts";
import { Finale } from "./finale.ts";
import { FaultInjector } from "./fault-injector.ts";
import { planFaults, type FaultPlan, type Focus } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { Clusters } from "./invariants.ts";
import { SimulatedNetwork } from "./network.ts";
import { SimulationError, type Outcome, type SimulationOptions } from "./options.ts";
import { quickenCrypto } from "./quick-crypto.ts";
import { Runner, type RunnerHost } from "./runner.ts";
import { SimulatedApp } from "./simulated-app.ts";
import { SimulatedMachine, type MachineRunner } from "./simulated-machine.ts";
import { SimulatedKubernetes } from "./simulated-kubernetes.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { Views } from "./views.ts";

/** Runs one history from power-on until, with every fault put right, all machines are in one cluster. */
export function simulate(options: SimulationOptions): Outcome {
  quickenCrypto();
  return new Simulation(options).run();
}

/** One history: a world of machines, a wire and faults between them, and what watches them. */
class Simulation {
  readonly #options: SimulationOptions;
  readonly #rng: Rng;
  readonly #timeline = new Timeline();
  readonly #trace = new Trace();
  readonly #fleet = new Fleet();
  readonly #runner: MachineRunner;
  readonly #network: SimulatedNetwork;
  readonly #kubernetes: SimulatedKubernetes;
  readonly #clusters: Clusters;
  readonly #views: Views;
  readonly #faults: FaultInjector;
  readonly #effects: EffectRunner;
  readonly #finale: Finale;
  readonly #expect: number | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#rng = seededRng(options.seed);
    const focus = options.focus ?? "all";
    const plan = planFaults(this.#rng, options.machines, focus);
    this.#expect = plan.expect;
    this.#clusters = new Clusters(plan.expect);
    this.#network = new SimulatedNetwork(this.#rng, plan.conditions);
    this.#runner = this.#makeRunner();
    this.#faults = this.#makeFaults(plan);
    this.#views = this.#makeViews();
    this.#kubernetes = this.#makeKubernetes();
    const app = this.#makeApp();
    this.#effects = this.#makeEffects(app);
    this.#finale = this.#makeFinale(app, focus);
    plan.bootAt.forEach((at) => this.#boot(at));
    this.#faults.begin();
    this.#finale.begin();
  }

  run(): Outcome {
    try {
      let outcome: Outcome | undefined;
      while (!(outcome = this.#finale.outcome)) this.#timeline.advance();
      return outcome;
    } catch (cause) {
      const { seed, machines } = this.#options;
      const events = this.#trace.lines.join("\n  ");
      throw new SimulationError(
        `seed ${seed} with ${machines} machines, at ${Math.round(this.#timeline.now)} ms: ${describeError(cause)}\n  ${events}`,
        { cause },
      );
    }
  }

  #makeRunner(): MachineRunner {
    const host: RunnerHost<SimulatedMachine, NodeProtocolEffect> = {
      timeline: this.#timeline,
      rng: this.#rng,
      apply: (machine, effect) => this.#effects.apply(machine, effect),
      started: (machine) => this.#note(machine.number, "starts"),
      crashed: (machine) => {
        this.#note(machine.number, "crashes");
        this.#kubernetes.drop(machine.number);
      },
    };
    return new Runner(host, { kind: "wake" });
  }

  #makeViews(): Views {
    return new Views({
      now: () => this.#timeline.now,
      isDisturbed: () =>
        this.#timeline.now < this.#faults.disturbedUntil + deathKnownWithinMs(this.#options.machines),
      find: (nodeId) => this.#fleet.find(nodeId),
    });
  }

  #makeKubernetes(): SimulatedKubernetes {
    return new SimulatedKubernetes({
      rng: this.#rng,
      wipesStale: this.#options.wipesStale ?? true,
      after: (machine, ms, act) => this.#afterOn(machine, ms, act),
      numberOf: (nodeId) => this.#fleet.find(nodeId).number,
      isConnected: (one, other) => this.#isConnected(one, other),
      joined: (machine, epoch) => this.#afterOn(machine, 0, () => this.#effects.joined(machine, epoch)),
    });
  }

  #makeApp(): SimulatedApp {
    return new SimulatedApp({
      rng: this.#rng,
      timeline: this.#timeline,
      fleet: this.#fleet,
      runner: this.#runner,
      takeIndex: this.#options.takeIndex ?? (({ next }) => next()),
      isServing: ({ number, clusterId }) => {
        const established = clusterId === undefined ? undefined : this.#clusters.of(clusterId).established;
        return established !== undefined && this.#kubernetes.isVoter(number, established.epoch);
      },
    });
  }

  #makeFaults(plan: FaultPlan): FaultInjector {
    return new FaultInjector(plan, {
      network: this.#network,
      timeline: this.#timeline,
      fleet: this.#fleet,
      runner: this.#runner,
      disturbUntil: (end) => this.#finale.disturbUntil(end),
      note: (what, machine) => this.#note(machine, what),
    });
  }

  #makeEffects(app: SimulatedApp): EffectRunner {
    return new EffectRunner({
      timeline: this.#timeline,
      fleet: this.#fleet,
      runner: this.#runner,
      network: this.#network,
      kubernetes: this.#kubernetes,
      clusters: this.#clusters,
      views: this.#views,
      app,
      faults: this.#faults,
      persistLateMs: this.#options.persistLateMs ?? 0,
      note: (machine, what) => this.#note(machine.number, what),
    });
  }

  #makeFinale(app: SimulatedApp, focus: Focus): Finale {
    return new Finale({
      timeline: this.#timeline,
      rng: this.#rng,
      fleet: this.#fleet,
      runner: this.#runner,
      kubernetes: this.#kubernetes,
      clusters: this.#clusters,
      views: this.#views,
      app,
      faults: this.#faults,
      focus,
      boot: (at) => this.#boot(at),
      note: (what) => this.#note(undefined, what),
    });
  }

  #boot(at: Instant): void {
    const number = this.#fleet.all.length + 1;
    const machine = new SimulatedMachine({ ...this.#options, number, expect: this.#expect });
    this.#fleet.add(machine);
    this.#finale.disturbUntil(at);
    this.#timeline.at(at, () => this.#runner.start(machine));
  }

  #isConnected(one: number, other: number): boolean {
    const [left, right] = [this.#fleet.get(one), this.#fleet.get(other)];
    if (!left.isUp || !right.isUp || left.clusterId !== right.clusterId) return false;
    // One lost direction does not break a mesh link's short exchanges here; a partition does.
    return !(this.#network.isCut(one, other) && this.#network.isCut(other, one));
  }

  /** Acts on a machine later, unless it went down in between. */
  #afterOn(number: number, ms: number, act: () => void): void {
    const machine = this.#fleet.get(number);
    const { starts } = machine;
    this.#timeline.after(ms, () => {
      if (machine.isUp && machine.starts === starts) act();
    });
  }

  #note(machine: number | undefined, what: string): void {
    this.#trace.note(this.#timeline.now, machine, what);
  }
}

import { randomInteger, shuffled, type Instant, type Rng } from "@cluster-os/std";
import type { Conditions } from "./network.ts";

/** Something that goes wrong at a time, and is put right after `ms`. Machines go by number. */
export type Fault =
  | {
      readonly kind: "crash";
      readonly at: Instant;
      readonly ms: number;
      readonly machine: number;
      readonly isMidStep: boolean;
    }
  | {
      readonly kind: "partition";
      readonly at: Instant;
      readonly ms: number;
      readonly side: readonly number[];
      /** The side is not heard, but hears the others. */
      readonly isOneWay: boolean;
    }
  /** The process does not run, and then goes on: a machine that swaps, a virtual machine that is moved. */
  | { readonly kind: "freeze"; readonly at: Instant; readonly ms: number; readonly machine: number }
  /** The wall clock is set, for good. */
  | {
      readonly kind: "clock";
      readonly at: Instant;
      readonly ms: 0;
      readonly machine: number;
      readonly byMs: number;
    }
  /** What it sends is lost; it hears all. */
  | { readonly kind: "mute"; readonly at: Instant; readonly ms: number; readonly machine: number }
  /** It hears nothing; what it sends arrives. */
  | { readonly kind: "deafen"; readonly at: Instant; readonly ms: number; readonly machine: number }
  /** Two machines do not hear each other; everyone else hears both. */
  | {
      readonly kind: "sever";
      readonly at: Instant;
      readonly ms: number;
      readonly machines: readonly [number, number];
    }
  | { readonly kind: "storm"; readonly at: Instant; readonly ms: number; readonly conditions: Conditions };

/** The moments at which a fault hurts most. */
export type Moment =
  /** A machine begins a ballot on genesis, and nobody heard of it yet. */
  | "proposing"
  /** A machine accepted a genesis value. */
  | "accepted"
  /** A machine knows first that genesis is decided, and has not said so yet. */
  | "decided"
  /** A machine was told to begin Kubernetes in epoch 0. */
  | "appointed"
  /** A machine knows first that an epoch follows the first one, and has not said so yet. */
  | "superseded"
  /** A machine knows first that an epoch is established, and has not said so yet. */
  | "established";

/** A fault of the machine that a moment is about, some time after it. Once in a history. */
export interface Ambush {
  readonly moment: Moment;
  /** How many machines come to that moment before it; 0 is the first. */
  readonly skip: number;
  /** "sever": it and one other machine, by `pick`, do not hear each other. */
  readonly kind: "crash" | "isolate" | "mute" | "sever";
  /** A number in [0, 1) that picks the other machine. */
  readonly pick: number;
  readonly afterMs: number;
  readonly ms: number;
  /** It never comes back. */
  readonly isForever: boolean;
}

export interface FaultPlan {
  /** How many machines each was told to wait for; undefined if none was. */
  readonly expect: number | undefined;
  readonly bootAt: readonly Instant[];
  readonly conditions: Conditions;
  readonly faults: readonly Fault[];
  readonly ambushes: readonly Ambush[];
}

/** What a history is mostly about: everything, or many faults around genesis or around the first epochs. */
export type Focus = "all" | "genesis" | "epochs";

interface Style {
  readonly bootSpreadMs: number;
  /** Longest delay and highest loss of the whole history. */
  readonly slowestMs: number;
  readonly loss: number;
  /** Probability that nothing goes wrong, but for a loss now and then. */
  readonly calm: number;
  readonly mostFaults: number;
  readonly faultsFromMs: number;
  readonly faultsUntilMs: number;
  readonly longestFaultMs: number;
  readonly ambushes: Readonly<Record<Moment, number>>;
}

/** What goes wrong in the history of one seed. */
export function planFaults(rng: Rng, machines: number, focus: Focus): FaultPlan {
  const style = styleOf(rng, focus);
  const faults = rng.fraction() < style.calm ? 0 : randomInteger(rng, style.mostFaults + 1);
  const numbers = Array.from({ length: machines }, (_, at) => at + 1);
  return {
    bootAt: numbers.map(() => rng.fraction() * style.bootSpreadMs),
    conditions: {
      loss: style.loss * rng.fraction(),
      duplication: 0.02 * rng.fraction(),
      delayMs: [0.5, style.slowestMs],
    },
    faults: Array.from({ length: faults }, () => planFault(rng, numbers, style)),
    ambushes: faults === 0 && style.calm > 0 ? [] : planAmbushes(rng, machines, style),
    expect: expectation(rng, machines, focus),
  };
}

function expectation(rng: Rng, machines: number, focus: Focus): number | undefined {
  if (focus === "all" && rng.fraction() < 0.1) return undefined;
  // One machine more than an even number expected cannot found a second cluster, whatever happens: see formation.
  const hasSurplus = machines > 1 && machines % 2 === 1 && rng.fraction() < 0.3;
  return machines - (hasSurplus ? 1 : 0);
}

function styleOf(rng: Rng, focus: Focus): Style {
  const isSlow = rng.fraction() < 0.3;
  switch (focus) {
    case "all":
      return {
        bootSpreadMs: rng.fraction() < 0.5 ? 1_000 : 15_000,
        slowestMs: isSlow ? 150 : 5,
        loss: 0.02,
        calm: 0.1,
        mostFaults: 5,
        faultsFromMs: 0,
        faultsUntilMs: 60_000,
        longestFaultMs: 30_000,
        ambushes: {
          proposing: 0.2,
          accepted: 0.4,
          decided: 0.4,
          appointed: 0.5,
          superseded: 0.3,
          established: 0.3,
        },
      };
    case "genesis":
      return {
        bootSpreadMs: 1_500,
        slowestMs: rng.fraction() < 0.6 ? 200 + 2_000 * rng.fraction() : 20,
        loss: 0.3,
        calm: 0,
        mostFaults: 2,
        faultsFromMs: 0,
        faultsUntilMs: 8_000,
        longestFaultMs: 5_000,
        ambushes: {
          proposing: 0.6,
          accepted: 0.5,
          decided: 0.8,
          appointed: 0,
          superseded: 0,
          established: 0,
        },
      };
    case "epochs":
      return {
        bootSpreadMs: 500,
        slowestMs: isSlow ? 150 : 5,
        loss: 0.02,
        calm: 0,
        mostFaults: 2,
        faultsFromMs: 5_000,
        faultsUntilMs: 45_000,
        longestFaultMs: 30_000,
        ambushes: {
          proposing: 0,
          accepted: 0,
          decided: 0,
          appointed: 0.9,
          superseded: 0.6,
          established: 0.3,
        },
      };
    default:
      return focus satisfies never;
  }
}

/** A day. */
const LONGEST_CLOCK_STEP_MS = 86_400_000;

function planFault(rng: Rng, numbers: readonly number[], style: Style): Fault {
  const at = style.faultsFromMs + (style.faultsUntilMs - style.faultsFromMs) * rng.fraction() ** 1.5;
  const ms = 500 + style.longestFaultMs * rng.fraction() ** 2;
  const machine = numbers[randomInteger(rng, numbers.length)] as number;
  const dice = rng.fraction();
  if (dice < 0.35) return { kind: "crash", at, ms, machine, isMidStep: rng.fraction() < 0.5 };
  if (dice < 0.6) {
    const count = 1 + randomInteger(rng, Math.max(1, numbers.length - 1));
    const side = shuffled(rng, numbers).slice(0, count);
    return { kind: "partition", at, ms, side, isOneWay: rng.fraction() < 0.25 };
  }
  if (dice < 0.66) return { kind: "mute", at, ms, machine };
  if (dice < 0.72) return { kind: "deafen", at, ms, machine };
  if (dice < 0.82) return { kind: "freeze", at, ms, machine };
  if (dice < 0.87)
    return { kind: "clock", at, ms: 0, machine, byMs: LONGEST_CLOCK_STEP_MS * (2 * rng.fraction() - 1) };
  return {
    kind: "storm",
    at,
    ms,
    conditions: { loss: 0.5 * rng.fraction(), duplication: 0.2, delayMs: [0.5, 400] },
  };
}

function planAmbushes(rng: Rng, machines: number, style: Style): Ambush[] {
  const between = (least: number, most: number): number => least + (most - least) * rng.fraction();
  const now = { skip: 0, afterMs: 0, isForever: false, pick: rng.fraction() };
  const makers: Readonly<Record<Moment, () => Ambush>> = {
    proposing: () => ({ ...now, moment: "proposing", kind: "sever", ms: between(1_000, 5_000) }),
    accepted: () => ({
      ...now,
      moment: "accepted",
      skip: randomInteger(rng, Math.min(3, machines)),
      kind: "crash",
      afterMs: between(0, 20),
      ms: between(100, 1_500),
    }),
    decided: () =>
      rng.fraction() < 0.5
        ? { ...now, moment: "decided", kind: "isolate", ms: between(2_000, 40_000) }
        : { ...now, moment: "decided", kind: "crash", ms: between(500, 20_000) },
    appointed: () =>
      rng.fraction() < 0.5
        ? {
            ...now,
            moment: "appointed",
            kind: "mute",
            afterMs: between(0, 8_000),
            ms: between(20_000, 60_000),
          }
        : {
            ...now,
            moment: "appointed",
            kind: "crash",
            afterMs: between(0, 25_000),
            ms: between(1_000, 60_000),
            // One machine of three or more may be lost for good, once there is a cluster.
            isForever: machines >= 3 && rng.fraction() < 0.5,
          },
    superseded: () => ({
      ...now,
      moment: "superseded",
      kind: rng.fraction() < 0.5 ? "mute" : "isolate",
      ms: between(2_000, 30_000),
    }),
    established: () => ({ ...now, moment: "established", kind: "isolate", ms: between(5_000, 60_000) }),
  };
  return Object.entries(style.ambushes)
    .filter(([, probability]) => rng.fraction() < probability)
    .map(([moment]) => makers[moment as Moment]());
}

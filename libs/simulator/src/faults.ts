import { randomInteger, shuffled, type Instant, type Rng } from "@cluster-os/std";
import type { Conditions } from "./network.ts";

/** Something that goes wrong at a time, and is put right after `ms`. Machines go by number. */
export type Fault =
  | { readonly kind: "crash"; readonly at: Instant; readonly ms: number; readonly machine: number; readonly isMidStep: boolean }
  | { readonly kind: "partition"; readonly at: Instant; readonly ms: number; readonly side: readonly number[] }
  /** What it sends is lost; it hears all. */
  | { readonly kind: "mute"; readonly at: Instant; readonly ms: number; readonly machine: number }
  /** It hears nothing; what it sends arrives. */
  | { readonly kind: "deafen"; readonly at: Instant; readonly ms: number; readonly machine: number }
  | { readonly kind: "storm"; readonly at: Instant; readonly ms: number; readonly conditions: Conditions };

/** The moments at which a fault hurts most. */
export type Moment =
  /** A machine accepted a genesis value. */
  | "accepted"
  /** A machine knows first that genesis is decided, and has not said so yet. */
  | "decided"
  /** A machine was told to begin Kubernetes. */
  | "appointed"
  /** Kubernetes was begun: its first voter is there. */
  | "begun"
  /** A machine knows first that an epoch is established, and has not said so yet. */
  | "established";

/** A fault of the machine that a moment is about, some time after it. Once in a history. */
export interface Ambush {
  readonly moment: Moment;
  readonly kind: "crash" | "isolate" | "mute";
  readonly afterMs: number;
  readonly ms: number;
  /** It never comes back. */
  readonly isForever: boolean;
}

export interface FaultPlan {
  readonly bootAt: readonly Instant[];
  readonly conditions: Conditions;
  readonly faults: readonly Fault[];
  readonly ambushes: readonly Ambush[];
}

/** Until when faults begin, in milliseconds: genesis and the beginning of Kubernetes both fall into it. */
const FAULTS_UNTIL_MS = 60_000;

/** What goes wrong in the history of one seed. */
export function planFaults(rng: Rng, machines: number): FaultPlan {
  const numbers = Array.from({ length: machines }, (_, at) => at + 1);
  const spread = rng.fraction() < 0.5 ? 1_000 : 15_000;
  return {
    bootAt: numbers.map(() => rng.fraction() * spread),
    conditions: { loss: 0.02 * rng.fraction(), duplication: 0.02 * rng.fraction(), delayMs: [0.5, rng.fraction() < 0.3 ? 150 : 5] },
    faults: Array.from({ length: randomInteger(rng, 5) }, () => planFault(rng, numbers)),
    ambushes: planAmbushes(rng, machines),
  };
}

function planFault(rng: Rng, numbers: readonly number[]): Fault {
  const at = FAULTS_UNTIL_MS * rng.fraction() ** 1.5;
  const ms = 500 + 30_000 * rng.fraction() ** 2;
  const machine = numbers[randomInteger(rng, numbers.length)] as number;
  const dice = rng.fraction();
  if (dice < 0.4) return { kind: "crash", at, ms, machine, isMidStep: rng.fraction() < 0.5 };
  if (dice < 0.65) {
    const count = 1 + randomInteger(rng, Math.max(1, numbers.length - 1));
    return { kind: "partition", at, ms, side: shuffled(rng, numbers).slice(0, count) };
  }
  if (dice < 0.75) return { kind: "mute", at, ms, machine };
  if (dice < 0.85) return { kind: "deafen", at, ms, machine };
  return { kind: "storm", at, ms, conditions: { loss: 0.5 * rng.fraction(), duplication: 0.2, delayMs: [0.5, 400] } };
}

function planAmbushes(rng: Rng, machines: number): Ambush[] {
  const ambushes: Ambush[] = [];
  const maybe = (probability: number, make: () => Ambush): void => {
    if (rng.fraction() < probability) ambushes.push(make());
  };
  const between = (least: number, most: number): number => least + (most - least) * rng.fraction();
  maybe(0.4, () => ({ moment: "accepted", kind: "crash", afterMs: between(0, 20), ms: between(200, 2_000), isForever: false }));
  maybe(0.4, () => ({ moment: "decided", kind: "isolate", afterMs: 0, ms: between(2_000, 40_000), isForever: false }));
  maybe(0.4, () => {
    // One machine of three or more may be lost for good, once there is a cluster.
    const isForever = machines >= 3 && rng.fraction() < 0.5;
    return { moment: "appointed", kind: "crash", afterMs: between(0, 25_000), ms: between(1_000, 60_000), isForever };
  });
  maybe(0.25, () => ({ moment: "begun", kind: "mute", afterMs: between(0, 1_000), ms: between(20_000, 60_000), isForever: false }));
  maybe(0.25, () => ({ moment: "established", kind: "isolate", afterMs: 0, ms: between(5_000, 60_000), isForever: false }));
  return ambushes;
}

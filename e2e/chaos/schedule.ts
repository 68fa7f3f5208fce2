import { randomInteger, seededRng, shuffled, type Rng } from "@cluster-os/std";

/** A program in a machine: a unit's main process, or one that runs in a pod of the machine's own. */
export type Program =
  | "cluster-os-bootstrap"
  | "cluster-os-node-agent"
  | "cluster-os-balancer"
  | "cluster-os-slurmctld"
  | "containerd"
  | "kubelet"
  | "slurmd"
  | "etcd"
  | "kube-apiserver"
  | "wireguard-go";

/** Machines by their numbers. */
export type Fault =
  /** They lose their power, and get it back at the end. */
  | { readonly kind: "power-cut"; readonly machines: readonly number[] }
  /** Nothing passes between the two sides until the end. */
  | { readonly kind: "partition"; readonly sides: readonly [readonly number[], readonly number[]] }
  /** Ended as by the kernel; whoever looks after it is to start it again. */
  | { readonly kind: "kill"; readonly machine: number; readonly program: Program }
  /** Stopped, and let go on at the end. */
  | { readonly kind: "freeze"; readonly machine: number; readonly program: Program };

export interface Round {
  readonly number: number;
  /** One after the other, without waiting for what comes of it. */
  readonly faults: readonly Fault[];
  /** From the last of them to the end of all, in seconds. */
  readonly heldS: number;
}

const KILLED: readonly Program[] = [
  ...(["cluster-os-bootstrap", "cluster-os-node-agent", "cluster-os-balancer", "containerd"] as const),
  ...(["kubelet", "slurmd", "etcd", "kube-apiserver", "cluster-os-slurmctld", "wireguard-go"] as const),
];
/** Those whose silence is worse than their end. */
const FROZEN: readonly Program[] = [
  ...(["cluster-os-bootstrap", "cluster-os-node-agent", "etcd", "kube-apiserver"] as const),
];
const SHORTEST_S = 5;
const LONGEST_S = 75;

/** The rounds of a seed, for ever: the same seed and number of machines give the same ones. */
export function* drawRounds(seed: number, machines: number): Generator<Round, never> {
  const rng = seededRng(seed);
  for (let number = 1; ; number += 1) {
    const first = drawFault(rng, machines);
    const second = rng.fraction() < 0.4 ? drawFault(rng, machines) : undefined;
    // The end of one fault is not to be the end of another: one split at a time, and one other fault of a machine.
    const faults = second && !interfere(first, second) ? [first, second] : [first];
    yield { number, faults, heldS: SHORTEST_S + randomInteger(rng, LONGEST_S - SHORTEST_S + 1) };
  }
}

function drawFault(rng: Rng, machines: number): Fault {
  const all = Array.from({ length: machines }, (_, at) => at + 1);
  const [machine = 1, ...others] = shuffled(rng, all);
  const chance = rng.fraction();
  if (chance < 0.25) return { kind: "power-cut", machines: [machine] };
  if (chance < 0.35) return { kind: "power-cut", machines: sorted([machine, ...others.slice(0, 1)]) };
  if (chance < 0.4) return { kind: "power-cut", machines: all };
  if (chance < 0.6) {
    const count = 1 + randomInteger(rng, Math.floor(machines / 2));
    const side = [machine, ...others].slice(0, count);
    return { kind: "partition", sides: [sorted(side), sorted([machine, ...others].slice(count))] };
  }
  if (chance < 0.85) return { kind: "kill", machine, program: pick(rng, KILLED) };
  return { kind: "freeze", machine, program: pick(rng, FROZEN) };
}

function interfere(one: Fault, other: Fault): boolean {
  if (one.kind === "partition" && other.kind === "partition") return true;
  const machines = (fault: Fault): readonly number[] => {
    if (fault.kind === "partition") return [];
    return fault.kind === "power-cut" ? fault.machines : [fault.machine];
  };
  return machines(one).some((machine) => machines(other).includes(machine));
}

/** A fault in words, with machines as people call them. */
export function describeFault(fault: Fault): string {
  const names = (machines: readonly number[]): string => machines.map((one) => `m${one}`).join(", ");
  switch (fault.kind) {
    case "power-cut":
      return `no power: ${names(fault.machines)}`;
    case "partition":
      return `split: ${names(fault.sides[0])} from ${names(fault.sides[1])}`;
    case "kill":
      return `${fault.program} killed on m${fault.machine}`;
    case "freeze":
      return `${fault.program} frozen on m${fault.machine}`;
  }
}

function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[randomInteger(rng, items.length)] as T;
}

function sorted(machines: readonly number[]): readonly number[] {
  return machines.toSorted((left, right) => left - right);
}

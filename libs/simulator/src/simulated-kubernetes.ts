import type { NodeId } from "@cluster-os/identity";
import type { Rng } from "@cluster-os/std";

/** What one machine's disk holds of Kubernetes: the epoch it was begun under, and whether it is a voter. */
interface Installation {
  readonly epoch: number;
  readonly isVoter: boolean;
}

export interface KubernetesHost {
  readonly rng: Rng;
  /** Whether a machine wipes what it began under another epoch than the one it is told of. */
  readonly wipesStale: boolean;
  /** Runs `act` after so many milliseconds unless the machine is down by then. */
  readonly after: (machine: number, ms: number, act: () => void) => void;
  readonly numberOf: (nodeId: NodeId) => number;
  /** Whether both are up and reach each other over the mesh. */
  readonly isConnected: (one: number, other: number) => boolean;
  readonly joined: (machine: number, epoch: number) => void;
}

const INIT_MS = [4_000, 15_000] as const;
const JOIN_MS = [3_000, 8_000] as const;
const RETRY_MS = 1_000;

/**
 * Kubernetes as far as formation sees it: beginning takes a while, joining needs a voter of the same epoch at its start
 * and at its end, and what is done is on disk. It obeys formation's epochs the way apps/bootstrap does.
 */
export class SimulatedKubernetes {
  readonly #host: KubernetesHost;
  readonly #installed = new Map<number, Installation>();
  /** Counts what each machine was told to do, so that it drops what it was at. */
  readonly #tasks = new Map<number, number>();

  constructor(host: KubernetesHost) {
    this.#host = host;
  }

  isVoter(machine: number, epoch: number): boolean {
    const installed = this.#installed.get(machine);
    return installed?.epoch === epoch && installed.isVoter;
  }

  /** Whether the machine holds what was begun under another epoch. */
  isStale(machine: number, epoch: number): boolean {
    const installed = this.#installed.get(machine);
    return installed !== undefined && installed.epoch !== epoch;
  }

  /** The machine was told who begins, or (`initialiser` undefined) what is established. */
  follow(machine: number, epoch: number, initialiser: NodeId | undefined): void {
    const task = (this.#tasks.get(machine) ?? 0) + 1;
    this.#tasks.set(machine, task);
    if (this.isStale(machine, epoch)) {
      // Whoever does not wipe goes on with what it has.
      if (!this.#host.wipesStale && this.#installed.get(machine)?.isVoter) return;
      this.#installed.delete(machine);
    }
    if (this.isVoter(machine, epoch)) return this.#host.joined(machine, epoch);
    const isCurrent = (): boolean => this.#tasks.get(machine) === task;
    const first = initialiser && this.#host.numberOf(initialiser);
    if (first === machine) this.#begin(machine, epoch, isCurrent);
    else this.#join(machine, epoch, first, isCurrent);
  }

  /** The machine went down: what was half done is undone at its next start. */
  drop(machine: number): void {
    this.#tasks.set(machine, (this.#tasks.get(machine) ?? 0) + 1);
    if (!this.#installed.get(machine)?.isVoter) this.#installed.delete(machine);
  }

  #begin(machine: number, epoch: number, isCurrent: () => boolean): void {
    this.#host.after(machine, this.#between(INIT_MS), () => {
      if (isCurrent()) this.#finish(machine, epoch);
    });
  }

  #join(machine: number, epoch: number, first: number | undefined, isCurrent: () => boolean): void {
    const again = (): void => {
      if (isCurrent()) this.#join(machine, epoch, first, isCurrent);
    };
    const helper = this.#helper(machine, epoch, first);
    if (helper === undefined) return this.#host.after(machine, RETRY_MS, again);
    this.#host.after(machine, this.#between(JOIN_MS), () => {
      if (!isCurrent()) return;
      if (this.isVoter(helper, epoch) && this.#host.isConnected(machine, helper))
        this.#finish(machine, epoch);
      else this.#host.after(machine, RETRY_MS, again);
    });
  }

  /** A voter of the epoch that can be reached. */
  #helper(machine: number, epoch: number, first: number | undefined): number | undefined {
    const voters = first === undefined ? [...this.#installed.keys()] : [first];
    return voters.find((voter) => this.isVoter(voter, epoch) && this.#host.isConnected(machine, voter));
  }

  #finish(machine: number, epoch: number): void {
    this.#installed.set(machine, { epoch, isVoter: true });
    this.#host.joined(machine, epoch);
  }

  #between([shortest, longest]: readonly [number, number]): number {
    return shortest + (longest - shortest) * this.#host.rng.fraction();
  }
}

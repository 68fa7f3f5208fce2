import type { NodeId } from "@cluster-os/identity";
import { invariant } from "@cluster-os/std";
import type { SimulatedMachine } from "./simulated-machine.ts";

/** All machines, by number, address and node ID. */
export class Fleet {
  readonly #byNumber = new Map<number, SimulatedMachine>();
  readonly #byAddress = new Map<string, SimulatedMachine>();
  readonly #byNodeId = new Map<NodeId, SimulatedMachine>();
  #all: readonly SimulatedMachine[] = [];

  add(machine: SimulatedMachine): void {
    this.#byNumber.set(machine.number, machine);
    this.#byAddress.set(machine.address, machine);
    this.#byNodeId.set(machine.nodeId, machine);
    this.#all = [...this.#byNumber.values()];
  }

  get all(): readonly SimulatedMachine[] {
    return this.#all;
  }

  get numbers(): readonly number[] {
    return [...this.#byNumber.keys()];
  }

  at(address: string): SimulatedMachine | undefined {
    return this.#byAddress.get(address);
  }

  get(number: number): SimulatedMachine {
    const machine = this.#byNumber.get(number);
    invariant(machine, `there is a machine ${number}`);
    return machine;
  }

  find(nodeId: NodeId): SimulatedMachine {
    const machine = this.#byNodeId.get(nodeId);
    invariant(machine, `there is a machine ${nodeId}`);
    return machine;
  }
}

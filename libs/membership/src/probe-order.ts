import type { NodeId } from "@cluster-os/identity";
import { randomInteger, shuffled, type Rng } from "@cluster-os/std";

/**
 * Whom to probe next: everyone once, in random order, before anyone a second time (SWIM section 4.3), so that a dead
 * node is noticed within one round. Who is new comes in at a random place of the round that runs.
 */
export class ProbeOrder {
  readonly #rng: Rng;
  #round: NodeId[] = [];
  #known = new Set<NodeId>();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  next(candidates: readonly NodeId[]): NodeId | undefined {
    const present = new Set(candidates);
    this.#round = this.#round.filter((nodeId) => present.has(nodeId));
    if (this.#round.length === 0) this.#round = shuffled(this.#rng, candidates);
    else this.#insert(candidates.filter((nodeId) => !this.#known.has(nodeId)));
    this.#known = present;
    return this.#round.pop();
  }

  #insert(fresh: readonly NodeId[]): void {
    for (const nodeId of fresh) {
      this.#round.splice(randomInteger(this.#rng, this.#round.length + 1), 0, nodeId);
    }
  }
}

import type { EstablishedPayload } from "@cluster-os/admission";
import type { NodeId } from "@cluster-os/identity";

/** A rule that must hold in every history, and did not. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Watches what all machines ever said; throws an InvariantViolation at the step that breaks a rule. */
export class Invariants {
  readonly #clusters = new Set<string>();
  readonly #indexes = new Map<number, NodeId>();
  readonly #initialisers = new Map<number, NodeId>();
  #highestEpoch = 0;
  #established: EstablishedPayload | undefined;

  get established(): EstablishedPayload | undefined {
    return this.#established;
  }

  noteCluster(clusterId: string): void {
    this.#clusters.add(clusterId);
    require(this.#clusters.size <= 1, `two clusters were founded: ${[...this.#clusters].join(" and ")}`);
  }

  noteIndex(nodeId: NodeId, index: number): void {
    const owner = this.#indexes.get(index) ?? nodeId;
    this.#indexes.set(index, owner);
    require(owner === nodeId, `index ${index} belongs to ${owner} and to ${nodeId}`);
  }

  noteEpoch(epoch: number, initialiser: NodeId): void {
    const known = this.#initialisers.get(epoch) ?? initialiser;
    this.#initialisers.set(epoch, known);
    require(known === initialiser, `epoch ${epoch} is begun by ${known} and by ${initialiser}`);
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch);
    this.#requireNoEpochAfterEstablished();
  }

  noteEstablished(established: EstablishedPayload): void {
    const known = this.#established ?? established;
    this.#established = known;
    require(known.epoch === established.epoch &&
      known.initialiser ===
        established.initialiser, `epochs ${known.epoch} and ${established.epoch} are both established`);
    this.#requireNoEpochAfterEstablished();
  }

  #requireNoEpochAfterEstablished(): void {
    const established = this.#established?.epoch ?? Infinity;
    require(this.#highestEpoch <=
      established, `epoch ${this.#highestEpoch} was decided though ${established} is established`);
  }
}

function require(condition: boolean, reason: string): void {
  if (!condition) throw new InvariantViolation(reason);
}

import type { EstablishedPayload } from "@cluster-os/admission";
import type { NodeId } from "@cluster-os/identity";

/** A rule that must hold in every history, and did not. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Watches what all machines of one cluster ever said; throws an InvariantViolation at the step that breaks a rule. */
export class ClusterInvariants {
  readonly #owners = new Map<number, NodeId>();
  readonly #initialisers = new Map<number, NodeId>();
  #highestEpoch = 0;
  #established: EstablishedPayload | undefined;

  get established(): EstablishedPayload | undefined {
    return this.#established;
  }

  noteIndex(nodeId: NodeId, index: number): void {
    const owner = this.#owners.get(index) ?? nodeId;
    this.#owners.set(index, owner);
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

/** Watches which clusters there are, and who belongs to which. */
export class Clusters {
  readonly #expected: number | undefined;
  readonly #clusters = new Map<string, ClusterInvariants>();
  readonly #homes = new Map<NodeId, string>();
  readonly #lives = new Map<NodeId, number>();

  /** Machines that were told how many they are found one cluster; others may found more while they do not hear each other. */
  constructor(expected: number | undefined) {
    this.#expected = expected;
  }

  get all(): readonly ClusterInvariants[] {
    return [...this.#clusters.values()];
  }

  of(clusterId: string): ClusterInvariants {
    const known = this.#clusters.get(clusterId);
    if (known) return known;
    const made = new ClusterInvariants();
    this.#clusters.set(clusterId, made);
    return made;
  }

  noteMember(nodeId: NodeId, clusterId: string, index: number): void {
    const home = this.#homes.get(nodeId) ?? clusterId;
    this.#homes.set(nodeId, home);
    require(home === clusterId, `${nodeId} is a member of ${home} and of ${clusterId}`);
    this.of(clusterId).noteIndex(nodeId, index);
    require(this.#expected === undefined ||
      this.#clusters.size <= 1, `two clusters were founded: ${[...this.#clusters.keys()].join(" and ")}`);
  }

  /** The boot counter that a machine has on its disk: what gossip's nonces and incarnations begin with. */
  noteLife(nodeId: NodeId, bootCounter: number): void {
    const highest = this.#lives.get(nodeId) ?? 0;
    require(bootCounter >=
      highest, `the boot counter of ${nodeId} goes back from ${highest} to ${bootCounter}`);
    this.#lives.set(nodeId, bootCounter);
  }
}

function require(condition: boolean, reason: string): void {
  if (!condition) throw new InvariantViolation(reason);
}

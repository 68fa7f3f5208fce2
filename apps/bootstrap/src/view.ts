import type { RevocationPayload } from "@cluster-os/admission";
import type { NodeProtocol } from "@cluster-os/formation";
import type { Member } from "@cluster-os/membership";
import { meshAddress, type AddressPlan } from "@cluster-os/mesh";
import { nodeName, type NodeId } from "@cluster-os/identity";
import { compareText } from "@cluster-os/std";

/** A member together with what its index makes of it. */
export interface PlacedMember {
  readonly member: Member;
  readonly index: number;
  readonly meshAddress: string;
}

/** An admitted node. */
export interface RosterEntry {
  readonly nodeId: NodeId;
  readonly index: number;
  /** Whether it said goodbye, and has not come back since. */
  readonly hasLeft: boolean;
}

/**
 * What this machine knows at this moment, in the words the controllers use. It holds nothing: every answer is worked out
 * from the protocol, so no two controllers can disagree.
 */
export class View {
  readonly #protocol: NodeProtocol;

  constructor(protocol: NodeProtocol) {
    this.#protocol = protocol;
  }

  get addressPlan(): AddressPlan | undefined {
    return this.#protocol.genesis?.addressPlan;
  }

  get selfIndex(): number | undefined {
    return this.#protocol.status.index;
  }

  get selfAddress(): string | undefined {
    return this.selfIndex === undefined ? undefined : this.#addressOf(this.selfIndex);
  }

  /** Nodes elected to run the control plane, in order; empty until this machine is a member. */
  get servers(): readonly NodeId[] {
    return this.#protocol.servers;
  }

  /** Which decision of the roles that is; 0 is what was established. */
  get rolesEpoch(): number {
    return this.#protocol.status.roles?.epoch ?? 0;
  }

  isServer(nodeId: NodeId): boolean {
    return this.servers.includes(nodeId);
  }

  /** Every admitted node, whether it was ever heard or not. */
  roster(): readonly RosterEntry[] {
    const left = new Set(
      this.#protocol
        .members()
        .filter(({ status }) => status === "left")
        .map(({ nodeId }) => nodeId),
    );
    const entries = this.#protocol.roster?.entries() ?? [];
    return entries.map(({ nodeId, index }) => ({ nodeId, index, hasLeft: left.has(nodeId) }));
  }

  isRevoked(nodeId: NodeId): boolean {
    return this.#protocol.roster?.isRevoked(nodeId) ?? false;
  }

  /** Nodes that never come back, in the order in which they were revoked. */
  revoked(): readonly NodeId[] {
    const records = [...(this.#protocol.roster?.revoked() ?? [])];
    records.sort((left, right) => left.revokedAt - right.revokedAt || compareText(left.nodeId, right.nodeId));
    return records.map(({ nodeId }) => nodeId);
  }

  /** Every revocation that a signed record tells of. */
  revocations(): readonly RevocationPayload[] {
    return this.#protocol.roster?.revoked() ?? [];
  }

  /** IDs of the join keys by which a machine is admitted unattended. */
  get joinKeyIds(): readonly string[] {
    return this.#protocol.joinKeyIds;
  }

  /** Mesh addresses of all servers but `self`, whether they were ever heard or not. */
  otherServers(self: NodeId): readonly string[] {
    return this.roster()
      .filter(({ nodeId }) => nodeId !== self && this.isServer(nodeId))
      .map(({ index }) => this.#addressOf(index));
  }

  /** Admitted members, lowest index first. */
  members(): readonly PlacedMember[] {
    const { roster } = this.#protocol;
    if (!roster) return [];
    const placed = this.#protocol.members().flatMap((member) => {
      const index = roster.indexOf(member.nodeId);
      return index === undefined ? [] : [{ member, index, meshAddress: this.#addressOf(index) }];
    });
    return placed.sort((left, right) => left.index - right.index);
  }

  /** Name of the admitted node with this mesh address. */
  nameAt(address: string): string | undefined {
    const entry = this.roster().find(({ index }) => this.#addressOf(index) === address);
    return entry && nodeName(entry.nodeId);
  }

  find(nodeId: NodeId): PlacedMember | undefined {
    return this.members().find(({ member }) => member.nodeId === nodeId);
  }

  /** Live servers that say their API server answers under `epoch`, lowest index first. */
  readyServers(epoch: number): readonly NodeId[] {
    return (
      this.members()
        .filter(({ member }) => member.status === "alive" && this.isServer(member.nodeId))
        .filter(
          ({ member }) =>
            member.description?.kubernetes.state === "ready" && member.description.kubernetes.epoch === epoch,
        )
        // One that is to become a server is a worker still.
        .filter(({ member }) => member.description?.roles.includes("server"))
        .map(({ member }) => member.nodeId)
    );
  }

  /** The epoch Kubernetes is made under, as far as this machine knows, and who initialises it. */
  get epoch(): {
    readonly epoch: number;
    readonly initialiser: NodeId | undefined;
    readonly isEstablished: boolean;
  } {
    const { established, epoch } = this.#protocol.status;
    if (established)
      return { epoch: established.epoch, initialiser: established.initialiser, isEstablished: true };
    return { epoch: epoch?.epoch ?? 0, initialiser: epoch?.initialiser, isEstablished: false };
  }

  #addressOf(index: number): string {
    const plan = this.addressPlan;
    if (!plan) throw new Error("there is no address plan before genesis");
    return meshAddress(plan, index);
  }
}

import { decodeNodeState } from "@cluster-os/formation";
import { Membership, MEMBERSHIP_KIND } from "@cluster-os/membership";
import { invariant, seededRng } from "@cluster-os/std";
import type { SimulatedMachine } from "./simulated-machine.ts";

/** Hears every message on the wire, and tries the ring keys that one machine holds, whether that is a member still or not. */
export class Eavesdropper {
  readonly #owner: SimulatedMachine;
  readonly #membership: Membership;
  overheard = 0;
  opened = 0;

  /** `member` says which cluster it is. */
  constructor(owner: SimulatedMachine, member: SimulatedMachine) {
    const { identity, disk } = owner;
    const clusterId = member.protocol?.status.clusterId;
    const description = member.protocol?.members()[0]?.description;
    invariant(clusterId !== undefined && description, "a member knows its cluster");
    this.#owner = owner;
    this.#membership = new Membership({
      identity,
      rng: seededRng(1),
      clusterId,
      ringKeys: decodeNodeState(disk).ringKeys,
      bootCounter: 1,
      description,
      isAdmitted: () => true,
      verifyFact: () => undefined,
      now: 0,
    });
  }

  /** A message counts as opened once its key is known: the audience of a datagram is no secret to who holds the key. */
  overhear(from: SimulatedMachine, bytes: Uint8Array): void {
    if (from === this.#owner || bytes[0] !== MEMBERSHIP_KIND) return;
    this.overheard += 1;
    const before = this.#membership.counters().unknownKey;
    this.#membership.step({ kind: "datagram", from: from.address, bytes }, 0);
    if (this.#membership.counters().unknownKey === before) this.opened += 1;
  }
}

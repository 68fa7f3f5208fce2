import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import type { HeardBeacon } from "./beacon.ts";
import type { BeaconSender } from "./beacon-sender.ts";
import { diagnose, type FormationContext } from "./context.ts";
import { frame } from "./frame.ts";
import type { GenesisBallot } from "./genesis.ts";
import { revocationKey, type Ledger, type Statement } from "./ledger.ts";
import { openNotice, signNotice } from "./notice.ts";

export interface GreeterParts {
  readonly context: FormationContext;
  readonly ledger: Ledger;
  readonly beacons: BeaconSender;
  readonly genesisBallot: GenesisBallot;
}

/** What a member does when it hears somebody: meets members, answers who looks for the cluster, tells who was revoked. */
export class Greeter {
  readonly #parts: GreeterParts;

  constructor(parts: GreeterParts) {
    this.#parts = parts;
  }

  hear(beacon: HeardBeacon, from: Address, now: Instant): void {
    const { context, ledger, beacons, genesisBallot } = this.#parts;
    const { clusterId } = ledger.genesis;
    if (beacon.clusterId !== undefined && beacon.clusterId !== clusterId) {
      if (beacon.standing === "same-key")
        diagnose(context, { kind: "other-cluster", clusterId: beacon.clusterId }, now);
      return;
    }
    const others = context.peers();
    const isMember = beacon.clusterId === clusterId;
    if (isMember && !ledger.roster.isRevoked(beacon.nodeId)) {
      const isKnown = others.some(({ nodeId, isAlive }) => isAlive && nodeId === beacon.nodeId);
      if (!isKnown) context.emit({ kind: "meet", address: from });
      return;
    }
    if (!beacons.mayAnswer(beacon.nodeId, others.length, now)) return;
    if (isMember) return this.notify(beacon.nodeId, from);
    const isFounder = ledger.roster.isFounder(beacon.nodeId) && ledger.roster.isAdmitted(beacon.nodeId);
    if (isFounder && beacon.standing === "same-key") genesisBallot.announce(from, ledger.genesis.bytes);
    beacons.answer(from, beacon.tag);
  }

  /** Tells a revoked node that it is one. */
  notify(nodeId: NodeId, address: Address): void {
    const { context, ledger } = this.#parts;
    const revocation = ledger.roster.revocationOf(nodeId);
    if (!revocation) return;
    context.emit({ kind: "send", to: address, bytes: frame(signNotice(revocation, context.identity)) });
  }

  /**
   * This machine's own revocation, if the notice is one. It counts only from a member: a revoked server still has the
   * authority key, and could otherwise revoke all the others, one by one, without anybody's agreement.
   */
  openNotice(bytes: Uint8Array): Statement | undefined {
    const { context, ledger } = this.#parts;
    const { revocation, from } = openNotice(bytes);
    if (!ledger.roster.isAdmitted(from)) return undefined;
    return { key: revocationKey(context.identity.nodeId), bytes: revocation };
  }
}

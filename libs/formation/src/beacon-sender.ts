import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import { MAX_LAN_SUBNETS, signBeacon } from "./beacon.ts";
import type { FormationContext } from "./context.ts";
import { frame } from "./frame.ts";
import type { Ledger } from "./ledger.ts";

/** So many members answer an unformed machine's beacon, whatever the size of the cluster. */
const ANSWERERS = 3;
/** One machine is answered at most this often. */
const ANSWER_AGAIN_MS = 1_500;
const MAX_ANSWERED = 5_000;
/** Less than conditions hold, and more than neighbours remember takeovers. */
const SELDOM_MS = 45_000;

/** Says "I am here" now and then to all, and soon to those who look for a cluster. */
export class BeaconSender {
  /** Random per start of the process. */
  readonly instance: Uint8Array;
  readonly #context: FormationContext;
  readonly #answered = new Map<NodeId, Instant>();
  #sequence = 0;
  #sendAt: Instant;
  #ledger: Ledger | undefined;

  constructor(context: FormationContext, now: Instant) {
    this.#context = context;
    this.instance = context.rng.bytes(8);
    this.#sendAt = now;
  }

  /** How many beacons left this machine, answers included. */
  get sent(): number {
    return this.#sequence;
  }

  get wakeAt(): Instant {
    return this.#sendAt;
  }

  drive(now: Instant, ledger: Ledger | undefined): void {
    const { config, rng, emit } = this.#context;
    // A new member says so at once: those who still look for it have somewhere to apply.
    if (ledger !== this.#ledger) this.#sendAt = now;
    this.#ledger = ledger;
    if (now < this.#sendAt) return;
    const period = ledger === undefined ? config.beaconMs : config.memberBeaconMs;
    this.#sendAt = now + period * (0.75 + 0.5 * rng.fraction());
    emit({ kind: "multicast", bytes: this.#beacon() });
  }

  /** So seldom that the other machine with this identity hears it, and nobody takes the two of them for candidates. */
  driveSeldom(now: Instant): void {
    if (now < this.#sendAt) return;
    this.#sendAt = now + SELDOM_MS;
    this.#context.emit({ kind: "multicast", bytes: this.#beacon() });
  }

  /** Whether this member is one of the few that answer this beacon. */
  mayAnswer(nodeId: NodeId, otherMembers: number, now: Instant): boolean {
    if (this.#context.rng.fraction() >= ANSWERERS / (otherMembers + 1)) return false;
    if (now - (this.#answered.get(nodeId) ?? -Infinity) < ANSWER_AGAIN_MS) return false;
    if (this.#answered.size >= MAX_ANSWERED) this.#answered.clear();
    this.#answered.set(nodeId, now);
    return true;
  }

  /** Under the join key of the machine that is answered, if it is known here: it believes no other. */
  answer(address: Address, tag: Uint8Array): void {
    const { joinKeys, emit } = this.#context;
    emit({ kind: "send", to: address, bytes: this.#beacon(joinKeys.find(tag)) });
  }

  /** To another member. */
  tell(address: Address): void {
    this.#context.emit({ kind: "send", to: address, bytes: this.#beacon() });
  }

  #beacon(joinKey = this.#context.joinKeys.newest): Uint8Array {
    const { identity, wireguardKey, sealing, expect, lanSubnets, store } = this.#context;
    this.#sequence += 1;
    const beacon = {
      ...(this.#ledger && {
        clusterId: this.#ledger.genesis.clusterId,
        ringKeyId: this.#ledger.ring.ring.newestHeld,
      }),
      wireguardKey,
      sealingKey: sealing.publicKey,
      ...(expect !== undefined && { expect }),
      lanSubnets: lanSubnets().slice(0, MAX_LAN_SUBNETS),
      instance: this.instance,
      bootCounter: store.state.bootCounter,
      sequence: this.#sequence,
      seenCount: store.state.seenCount,
    };
    return frame(signBeacon(beacon, identity, joinKey));
  }
}

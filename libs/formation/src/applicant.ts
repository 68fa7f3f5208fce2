import type { NodeId } from "@cluster-os/identity";
import {
  clusterIdOf,
  KeyRing,
  openAdmission,
  openGenesis,
  openRevocation,
  type Genesis,
  type RingContents,
} from "@cluster-os/admission";
import { backoffMs, compareText, randomInteger, type Instant } from "@cluster-os/std";
import type { Address } from "@cluster-os/membership";
import { openAnswer, sealApplication, signApplication } from "./application-record.ts";
import type { FormationContext } from "./context.ts";
import { frame } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";

/** What an applicant was given. */
export interface Admitted {
  readonly genesis: Genesis;
  readonly admission: Uint8Array | undefined;
  readonly ring: RingContents;
  /** Genuine. */
  readonly revocations: readonly Uint8Array[];
  /** Which address the answer came from: a member to begin with. */
  readonly from: Address;
}

/** A member heard within this many of its beacon periods is asked. */
const MEMBER_BEACONS = 3;

/** Asks members to be admitted, one after the other with growing pauses, until one answers. */
export class Applicant {
  readonly #context: FormationContext;
  #nonce: Uint8Array | undefined;
  #applyAt: Instant | undefined;
  #tries = 0;
  #lastAsked: NodeId | undefined;

  constructor(context: FormationContext) {
    this.#context = context;
  }

  get wakeAt(): Instant {
    return this.#applyAt ?? Infinity;
  }

  /** Whether there is a cluster to apply to. */
  get isApplying(): boolean {
    return this.#tries > 0;
  }

  drive(now: Instant): void {
    const members = this.#members(now);
    if (members.length === 0) {
      this.#applyAt = undefined;
      this.#tries = 0;
      return;
    }
    // Many machines hear a new cluster at the same moment: they do not all ask at once.
    const { config, rng } = this.#context;
    this.#applyAt ??= now + config.applicationMs * 0.5 * rng.fraction();
    if (now < this.#applyAt) return;
    this.#apply(this.#choose(members));
    this.#tries += 1;
    const policy = { initialMs: config.applicationMs, maxMs: config.applicationMaxMs, factor: 2 };
    this.#applyAt = now + backoffMs(policy, Math.ceil(this.#tries / members.length), rng);
  }

  /** The answer, if it is one to this machine and all in it is as it must be. Throws errors that name what is not. */
  receive(bytes: Uint8Array, from: Address): Admitted | undefined {
    const { sealing, joinKey, identity, store } = this.#context;
    if (!this.#nonce) return undefined;
    const answer = openAnswer(bytes, sealing, this.#nonce, joinKey);
    if (!answer) return undefined;
    const genesis = openGenesis(answer.genesis);
    const known = store.state.genesis;
    if (known && clusterIdOf(known) !== genesis.clusterId) return undefined;
    const isFounder = genesis.payload.founders.some(({ nodeId }) => nodeId === identity.nodeId);
    const authority = { clusterId: genesis.clusterId, authorityKey: genesis.payload.authorityKey };
    if (!isFounder) {
      if (!answer.admission) return undefined;
      if (openAdmission(answer.admission, authority).payload.nodeId !== identity.nodeId) return undefined;
    }
    const ring = new KeyRing(authority, { keys: answer.ringKeys, records: answer.ringRecords }).contents;
    for (const revocation of answer.revocations) openRevocation(revocation, authority);
    return { genesis, admission: answer.admission, ring, revocations: answer.revocations, from };
  }

  #apply(member: Neighbour): void {
    const { identity, wireguardKey, sealing, joinKey, rng, emit } = this.#context;
    this.#nonce ??= rng.bytes(16);
    const application = {
      clusterId: member.beacon.clusterId as string,
      wireguardKey,
      sealingKey: sealing.publicKey,
      nonce: this.#nonce,
    };
    const record = signApplication(application, identity, joinKey);
    const bytes = frame(sealApplication(record, member.beacon.sealingKey, identity, rng));
    emit({ kind: "send", to: member.address, bytes });
  }

  /** Another member than the last one, at random, so that applicants do not all ask the same. */
  #choose(members: readonly Neighbour[]): Neighbour {
    const others = members.filter(({ beacon }) => beacon.nodeId !== this.#lastAsked);
    const choice = others.length > 0 ? others : members;
    const chosen = choice[randomInteger(this.#context.rng, choice.length)] as Neighbour;
    this.#lastAsked = chosen.beacon.nodeId;
    return chosen;
  }

  /** Members of the cluster that is applied to. */
  #members(now: Instant): readonly Neighbour[] {
    const { neighbours, joinKey, store, config } = this.#context;
    const wanted = store.state.genesis && clusterIdOf(store.state.genesis);
    const heard = neighbours.heardSince(
      now - MEMBER_BEACONS * config.memberBeaconMs,
      ({ standing, clusterId }) => {
        if (clusterId === undefined || (wanted !== undefined && clusterId !== wanted)) return false;
        return standing === "same-key" || !joinKey.isPresent;
      },
    );
    const clusterId = wanted ?? largestCluster(heard);
    return heard.filter(({ beacon }) => beacon.clusterId === clusterId);
  }
}

/** The cluster with most members heard; the lowest ID of equals. */
function largestCluster(members: readonly Neighbour[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { beacon } of members) {
    if (beacon.clusterId !== undefined) counts.set(beacon.clusterId, (counts.get(beacon.clusterId) ?? 0) + 1);
  }
  return [...counts].sort((left, right) => right[1] - left[1] || compareText(left[0], right[0]))[0]?.[0];
}

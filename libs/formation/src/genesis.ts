import {
  decodeCbor,
  encodeCbor,
  generateSigningKey,
  isSafePublicKey,
  nodeIdOf,
  openRecord,
  publicKeyOf,
  signRecord,
  type NodeId,
  type RecordType,
} from "@cluster-os/identity";
import { createGenesis, GENESIS_RING_KEY_ID, type Founder } from "@cluster-os/admission";
import { electServers, voterCount } from "@cluster-os/election";
import { chooseAddressPlan, type AddressPlan } from "@cluster-os/mesh";
import type { Address } from "@cluster-os/membership";
import { compareText, describeError, type Instant } from "@cluster-os/std";
import { z } from "zod";
import { Bytes } from "./fields.ts";
import { BallotMessage } from "./ballot-message.ts";
import { BallotRunner, type ProposerTurn } from "./ballot-runner.ts";
import { diagnose, type FormationContext } from "./context.ts";
import { frame } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";
import { isUsableAgreementKey } from "./usable-key.ts";

/*
 * Genesis: the one decision that makes a cluster. Single-decree Paxos (ballot.ts) among the machines that hold the join
 * key; the value is the signed genesis record itself.
 *
 * The electorate is not known for certain. It is the largest of: `expect` of any machine heard, and the most machines that
 * anyone in the quorum ever saw at once. So any two quorums intersect as long as no more machines exist than that. With
 * `expect: N` and an odd N exactly N machines are safe unconditionally; surplus machines widen the electorate of everyone who
 * hears them. The limit: machines that never heard of each other, N of them on each side, found two clusters; so may fewer, when
 * surplus machines appear just as a part of the others dies. A ballot therefore waits a moment for everyone it hears, not for a quorum alone.
 */

/** A ballot message with the proof that its sender holds the join key. */
const BALLOT: RecordType<{ body: Uint8Array; mac: Uint8Array }> = {
  name: "ballot",
  version: 1,
  payload: z.object({ body: Bytes, mac: Bytes }),
};

/** A member's beacon keeps others from founding for this many of its beacon periods. */
const MEMBER_BEACONS = 3;

export class GenesisBallot {
  readonly #context: FormationContext;
  readonly #runner: BallotRunner;
  readonly #decided: (record: Uint8Array, now: Instant) => void;
  readonly #addresses = new Map<NodeId, Address>();
  readonly #listenUntil: Instant;
  #now: Instant;
  /** The last answer of `candidates`: a step asks several times. */
  #found:
    { readonly at: Instant; readonly version: number; readonly candidates: readonly Neighbour[] } | undefined;
  #view: string | undefined;
  #viewSince: Instant = 0;

  constructor(context: FormationContext, now: Instant, decided: (record: Uint8Array, now: Instant) => void) {
    this.#context = context;
    this.#now = now;
    this.#listenUntil = now + context.config.listenMs;
    this.#decided = decided;
    const { store } = context;
    this.#runner = new BallotRunner({
      self: context.identity.nodeId,
      rng: context.rng,
      config: context.config,
      rules: context.rules,
      load: () => store.state.genesisBallot,
      save: (genesisBallot) => store.change({ genesisBallot }),
      targets: () => this.candidates(this.#now).map(({ beacon }) => beacon.nodeId),
      electorate: () => this.#electorate(),
      send: (to, message) => this.#send(to, message),
      mayVote: () => store.state.genesis === undefined,
      chooseValue: () => this.#makeGenesis(),
      decided: (record) => {
        const targets = this.candidates(this.#now);
        decided(record, this.#now);
        for (const { address } of targets) this.announce(address, record);
      },
    });
  }

  get wakeAt(): Instant {
    if (this.#context.store.state.genesis) return Infinity;
    const waits = [this.#listenUntil, this.#stableAt].filter((at) => at > this.#now);
    return Math.min(this.#runner.wakeAt, ...waits);
  }

  /** Unformed machines with the same join key heard lately, without this one, by node ID. */
  candidates(now: Instant): readonly Neighbour[] {
    const { neighbours, config } = this.#context;
    const { version } = neighbours;
    if (this.#found?.at !== now || this.#found.version !== version) {
      const candidates = neighbours.heardSince(
        now - config.candidateFreshMs,
        ({ standing, clusterId }) => standing === "same-key" && clusterId === undefined,
      );
      this.#found = { at: now, version, candidates };
    }
    return this.#found.candidates;
  }

  /** Whether a ballot on a genesis is under way here. */
  get isUnderWay(): boolean {
    return this.#runner.hasAccepted || this.#context.store.state.genesisBallot.promised !== undefined;
  }

  /** A ballot record from the network. Throws a RecordError when it is not genuine. */
  receive(bytes: Uint8Array, from: Address, now: Instant): void {
    this.#now = now;
    const { payload, signer } = openRecord(BALLOT, bytes);
    const { joinKey, store } = this.#context;
    if (!joinKey.isMac(payload.mac, "ballot", signer, payload.body)) return;
    const message = BallotMessage.parse(decodeCbor(payload.body));
    if (message.kind === "decided") return this.#decided(message.value, now);
    const nodeId = nodeIdOf(signer);
    const { genesis } = store.state;
    // Whoever asks after the decision is told of it: a founder that was away, or a machine that came too late.
    if (genesis)
      return message.kind === "prepare" || message.kind === "accept"
        ? this.announce(from, genesis)
        : undefined;
    this.#addresses.set(nodeId, from);
    this.#runner.receive(nodeId, message, now);
  }

  drive(now: Instant): void {
    this.#now = now;
    if (this.#context.store.state.genesis) return this.#runner.stop();
    this.#noteView(now);
    this.#runner.drive(now, this.#turn(now));
  }

  /** Tells a machine what was decided. */
  announce(address: Address, record: Uint8Array): void {
    this.#sendTo(address, { kind: "decided", value: record });
  }

  #turn(now: Instant): ProposerTurn {
    const { identity, neighbours, config, store } = this.#context;
    const isMemberNear = neighbours.heardSince(
      now - MEMBER_BEACONS * config.memberBeaconMs,
      ({ standing, clusterId }) => standing === "same-key" && clusterId !== undefined,
    );
    // Members answer whoever looks for them: after a few unanswered beacons there are none.
    if (isMemberNear.length > 0 || now < this.#listenUntil) return "none";
    const candidates = this.candidates(now);
    if (!this.#isComplete(now)) {
      // What was accepted may be decided, and its proposer may be gone: a quorum is enough to carry it through.
      const isQuorum = candidates.length + 1 >= this.#context.rules.quorum(this.#electorate());
      return store.state.genesisBallot.accepted && isQuorum ? "later" : "none";
    }
    return candidates.every(({ beacon }) => identity.nodeId < beacon.nodeId) ? "first" : "later";
  }

  /** Whether all who are waited for are here. */
  #isComplete(now: Instant): boolean {
    const count = this.candidates(now).length + 1;
    const threshold = this.#threshold();
    if (threshold !== undefined)
      return count >= threshold && (count === 1 || this.#context.joinKey.isPresent);
    return now >= this.#stableAt && (count > 1 || !this.#isOtherKeylessNear(now));
  }

  /** The largest number of founders that anyone here waits for; undefined when nobody was told a number. */
  #threshold(): number | undefined {
    const heard = this.candidates(this.#now).map(({ beacon }) => beacon.expect);
    const numbers = [this.#context.expect, ...heard].filter((number) => number !== undefined);
    return numbers.length > 0 ? Math.max(...numbers) : undefined;
  }

  #electorate(): number {
    return Math.max(this.#threshold() ?? 1, this.#context.store.state.seenCount);
  }

  /** Without a number to wait for: when the view will have been unchanged for long enough. */
  get #stableAt(): Instant {
    const { config } = this.#context;
    return this.#viewSince + (this.#view === "" ? config.aloneMs : config.stableViewMs);
  }

  /** Machines without a join key cannot vote together, so none of them founds while it sees another. */
  #isOtherKeylessNear(now: Instant): boolean {
    const { joinKey, neighbours, config } = this.#context;
    if (joinKey.isPresent) return false;
    return neighbours.heardSince(now - MEMBER_BEACONS * config.memberBeaconMs, () => true).length > 0;
  }

  #noteView(now: Instant): void {
    const { store, expect } = this.#context;
    const candidates = this.candidates(now);
    const view = candidates.map(({ beacon }) => beacon.nodeId).join(" ");
    if (view !== this.#view) this.#viewSince = now;
    this.#view = view;
    if (candidates.length + 1 > store.state.seenCount) store.change({ seenCount: candidates.length + 1 });
    const other = candidates
      .map(({ beacon }) => beacon.expect)
      .find((number) => number !== undefined && number !== expect);
    if (expect !== undefined && other !== undefined)
      diagnose(this.#context, { kind: "expect-mismatch", own: expect, other }, now);
  }

  /** The genesis record of those who are here; undefined when some have gone since. */
  #makeGenesis(): Uint8Array | undefined {
    const { identity, wireguardKey, sealing, rng, wallTime } = this.#context;
    if (!this.#isComplete(this.#now)) return undefined;
    const candidates = this.candidates(this.#now);
    const self = { nodeId: identity.nodeId, wireguardKey, sealingKey: sealing.publicKey };
    const founders: Founder[] = [self, ...candidates.map(({ beacon }) => beacon)]
      .filter(isUsable)
      .sort((left, right) => compareText(left.nodeId, right.nodeId))
      .map(({ nodeId, wireguardKey, sealingKey }, at) => ({
        nodeId,
        wireguardKey,
        sealingKey,
        index: at + 1,
      }));
    const addressPlan = this.#chooseAddressPlan(candidates);
    if (!addressPlan) return undefined;
    const { maxServers } = this.#context.config;
    const policy = { voterCount: (size: number) => voterCount(size, maxServers) };
    const members = founders.map(({ nodeId }) => ({ nodeId, isAlive: true }));
    return createGenesis({
      founders,
      servers: electServers({ members, current: [], policy }).servers,
      addressPlan,
      authority: generateSigningKey(rng),
      ringKey: { id: GENESIS_RING_KEY_ID, key: rng.bytes(32) },
      createdAt: wallTime(),
      rng,
    }).bytes;
  }

  #chooseAddressPlan(candidates: readonly Neighbour[]): AddressPlan | undefined {
    const subnets = candidates.flatMap(({ beacon }) => beacon.lanSubnets);
    try {
      return chooseAddressPlan([...new Set([...this.#context.lanSubnets(), ...subnets])]);
    } catch (error) {
      diagnose(this.#context, { kind: "no-address-plan", reason: describeError(error) }, this.#now);
      return undefined;
    }
  }

  #send(to: NodeId, message: BallotMessage): void {
    const address = this.#context.neighbours.find(to)?.address ?? this.#addresses.get(to);
    if (address !== undefined) this.#sendTo(address, message);
  }

  #sendTo(address: Address, message: BallotMessage): void {
    const { identity, joinKey, emit } = this.#context;
    const body = encodeCbor(message);
    const mac = joinKey.mac("ballot", identity.publicKey, body);
    // Without a join key nobody would believe it.
    if (mac) emit({ kind: "send", to: address, bytes: frame(signRecord(BALLOT, { body, mac }, identity)) });
  }
}

/** Whether secrets can be sealed to a machine, and its signatures mean anything. */
function isUsable(machine: { nodeId: NodeId; sealingKey: Uint8Array; wireguardKey: Uint8Array }): boolean {
  const { nodeId, sealingKey, wireguardKey } = machine;
  return [sealingKey, wireguardKey].every(isUsableAgreementKey) && isSafePublicKey(publicKeyOf(nodeId));
}

import type { NodeId } from "@cluster-os/identity";
import { handRingKeys, receiveRingKeys, type KeyRing } from "@cluster-os/admission";
import type { Address } from "@cluster-os/membership";
import { shuffled, type Instant } from "@cluster-os/std";
import type { FormationContext } from "./context.ts";
import { frame } from "./frame.ts";
import { admissionKey, type Ledger, type Statement } from "./ledger.ts";
import { openRingHanding, openRingRequest, signRingHanding, signRingRequest } from "./ring-message.ts";
import { RingRotation } from "./ring-rotation.ts";
import { RingSearch } from "./ring-search.ts";
import { isUsableAgreementKey } from "./usable-key.ts";

/** At a rotation so many members are handed the new key at once; the others ask those who have it. */
const HANDED_AT_ONCE = 64;
/** One member is answered, or told that it is behind, at most this often. */
const ANSWER_AGAIN_MS = 500;
const MAX_ANSWERED = 5_000;

/** A message that did not open for want of its key. Nothing of it is authenticated. */
export interface MissingKey {
  readonly sender: NodeId;
  readonly from: Address;
  readonly ringKeyId: number;
}

/**
 * Keeps a member's ring of keys up to date. The authority's records of keys are gossiped; the keys themselves go from
 * member to member, each sealed to its receiver, in clear formation messages: never under a ring key. A rotation has two
 * stages: while a key is staged, members get it and open with it; once all living members say that they hold it (or after
 * a while), a server's second record makes it active, and each seals with it from then on. So there is no moment in
 * which a living member cannot open what another seals. Who was away asks whom it hears.
 */
export class RingKeeper {
  readonly #context: FormationContext;
  readonly #ledger: Ledger;
  readonly #rotation: RingRotation;
  readonly #search: RingSearch;
  /** Tells an address who this member is, and by that which key it holds. */
  readonly #tell: (address: Address) => void;
  /** Tells a revoked node that it is one. */
  readonly #notify: (nodeId: NodeId, address: Address) => void;
  readonly #answered = new Map<NodeId, Instant>();
  #told: KeyRing;
  #retireAt: Instant;

  constructor(
    context: FormationContext,
    ledger: Ledger,
    options: {
      readonly now: Instant;
      readonly state: (statement: Statement) => void;
      readonly tell: (address: Address) => void;
      readonly notify: (nodeId: NodeId, address: Address) => void;
    },
  ) {
    this.#context = context;
    this.#ledger = ledger;
    this.#tell = options.tell;
    this.#notify = options.notify;
    this.#rotation = new RingRotation(context, ledger, options.state);
    this.#search = new RingSearch(context, ledger);
    this.#told = ledger.ring.ring;
    this.#retireAt = this.#retirement(options.now);
  }

  get wakeAt(): Instant {
    return Math.min(this.#retireAt, this.#rotation.wakeAt, this.#search.wakeAt);
  }

  drive(now: Instant): void {
    if (this.#rotation.drive(now)) this.rotate(now);
    if (now >= this.#retireAt) this.#ledger.ring.retire();
    this.#announce(now);
    const asked = this.#search.drive(now);
    if (asked) this.#ask(asked.nodeId, asked.address);
  }

  /** On a server: a new key for all who are admitted now. Says whether one was made: not while one is being handed out. */
  rotate(now: Instant): boolean {
    if (!this.#rotation.begin(now)) return false;
    const living = this.#context.peers().filter(({ isAlive }) => isAlive);
    for (const peer of shuffled(this.#context.rng, living).slice(0, HANDED_AT_ONCE)) {
      if (peer.sealingKey) this.#hand(peer.nodeId, peer.sealingKey, peer.address);
    }
    return true;
  }

  /** Another member holds this key, or says so. */
  hear(nodeId: NodeId, ringKeyId: number | undefined, address: Address, now: Instant): void {
    if (ringKeyId !== undefined && ringKeyId > this.#ring.newestHeld)
      this.#search.want({ nodeId, address, ringKeyId }, now);
  }

  /** Either this member lacks the sender's key and asks for it, or the sender is behind and is told. */
  miss({ sender, from, ringKeyId }: MissingKey, now: Instant): void {
    if (!this.#ledger.roster.isAdmitted(sender)) return;
    if (ringKeyId > this.#ring.newestHeld) this.hear(sender, ringKeyId, from, now);
    else if (this.#mayAnswer(sender, now)) this.#tell(from);
  }

  /** Throws a RecordError, a CodecError or an AdmissionError when it is not genuine. */
  receiveRequest(bytes: Uint8Array, from: Address, now: Instant): void {
    const { clusterId, to, nodeId, sealingKey, newest, admission } = openRingRequest(bytes);
    if (clusterId !== this.#ledger.genesis.clusterId || to !== this.#context.identity.nodeId) return;
    if (admission && !this.#ledger.roster.isAdmitted(nodeId))
      this.#ledger.learn({ key: admissionKey(nodeId), bytes: admission }, now);
    if (newest >= this.#ring.newestHeld || !this.#mayAnswer(nodeId, now)) return;
    // Who was revoked while it was away hears of it here, if anywhere.
    if (this.#ledger.roster.isRevoked(nodeId)) this.#notify(nodeId, from);
    else this.#hand(nodeId, sealingKey, from);
  }

  /** Throws a SealError, or what {@link receiveRequest} does. */
  receiveHanding(bytes: Uint8Array, from: Address, now: Instant): void {
    const { genesis, ring, roster } = this.#ledger;
    const { box, from: hander } = openRingHanding(bytes);
    const handing = receiveRingKeys(this.#context.sealing, box, genesis.clusterId);
    const { keys, records, revocations, admission } = handing;
    if (admission && !roster.isAdmitted(hander))
      this.#ledger.learn({ key: admissionKey(hander), bytes: admission }, now);
    // A revoked server could still sign revocations: they count only from a member.
    if (!roster.isAdmitted(hander)) return;
    const next = ring.ring.with({ keys, records });
    for (const revocation of revocations) this.#ledger.learnRevocation(revocation, now);
    // Whoever holds the key must know whom it excludes, or could hand it to them.
    if (roster.revocationCount < (next.newestRecord?.payload.revocations ?? 0)) return;
    const wasBehind = this.#ring.newestHeld < next.newestHeld;
    ring.take({ keys, records });
    if (!wasBehind) return;
    this.#search.found();
    this.#context.emit({ kind: "meet", address: from });
  }

  get #ring(): KeyRing {
    return this.#ledger.ring.ring;
  }

  /** What seals or opens has changed: membership is told, and old keys go after a while. */
  #announce(now: Instant): void {
    const ring = this.#ring;
    if (ring === this.#told) return;
    const hasNewSeal = ring.sealing.id !== this.#told.sealing.id;
    this.#told = ring;
    if (hasNewSeal || !ring.hasOldKeys) this.#retireAt = this.#retirement(now);
    this.#context.emit({ kind: "ring-keys" });
  }

  #retirement(now: Instant): Instant {
    return this.#ring.hasOldKeys ? now + this.#context.config.ringRetireMs : Infinity;
  }

  #hand(nodeId: NodeId, sealingKey: Uint8Array, address: Address): void {
    const { roster, genesis } = this.#ledger;
    const { identity, rng, emit } = this.#context;
    if (!roster.isAdmitted(nodeId) || !isUsableAgreementKey(sealingKey)) return;
    const { keys, records } = this.#ring.retired().contents;
    const { revocations } = roster.records();
    const admission = roster.admissionOf(identity.nodeId);
    const handing = {
      clusterId: genesis.clusterId,
      keys: [...keys],
      records: [...records],
      revocations: [...revocations],
      ...(admission && { admission }),
    };
    const box = handRingKeys(sealingKey, handing, rng);
    emit({ kind: "send", to: address, bytes: frame(signRingHanding(box, identity)) });
  }

  #ask(to: NodeId, address: Address): void {
    const { identity, sealing, emit } = this.#context;
    const { genesis, roster } = this.#ledger;
    const admission = roster.admissionOf(identity.nodeId);
    const request = {
      clusterId: genesis.clusterId,
      to,
      sealingKey: sealing.publicKey,
      newest: this.#ring.newestHeld,
      ...(admission && { admission }),
    };
    emit({ kind: "send", to: address, bytes: frame(signRingRequest(request, identity)) });
  }

  #mayAnswer(nodeId: NodeId, now: Instant): boolean {
    if (now - (this.#answered.get(nodeId) ?? -Infinity) < ANSWER_AGAIN_MS) return false;
    if (this.#answered.size >= MAX_ANSWERED) this.#answered.clear();
    this.#answered.set(nodeId, now);
    return true;
  }
}

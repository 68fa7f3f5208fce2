import { SealError, type NodeId } from "@cluster-os/identity";
import { openFounderSecrets, openGenesis, type FounderSecrets, type Genesis } from "@cluster-os/admission";
import type { Address } from "@cluster-os/membership";
import { equalBytes, type Instant } from "@cluster-os/std";
import { Admitter } from "./admitter.ts";
import { Applicant } from "./applicant.ts";
import { openBeacon, type HeardBeacon } from "./beacon.ts";
import { BeaconSender } from "./beacon-sender.ts";
import { diagnose, type FormationContext } from "./context.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { Diagnostics } from "./diagnostics.ts";
import type { FormationEffect, FormationTopic } from "./effect.ts";
import { EpochBallot } from "./epoch.ts";
import type {
  Discovery,
  FormationCounters,
  FormationInput,
  FormationOptions,
  RevocationDecision,
} from "./formation-interface.ts";
import { recordName, unframe } from "./frame.ts";
import { GenesisBallot } from "./genesis.ts";
import { Greeter } from "./greeter.ts";
import { ESTABLISHED_KEY, Ledger, type Statement } from "./ledger.ts";
import { JoinKeys } from "./join-keys.ts";
import { Neighbours } from "./neighbours.ts";
import { OwnCopy } from "./own-copy.ts";
import { isRefusal } from "./refusal.ts";
import { RingKeeper } from "./ring-keeper.ts";
import type { Epoch } from "./state.ts";

/** Everything that exists only once this machine is a member. */
interface Membered {
  readonly ledger: Ledger;
  readonly admitter: Admitter;
  readonly epochs: EpochBallot;
  readonly ring: RingKeeper;
  readonly greeter: Greeter;
  /** Takes a statement to heart and has it spread. */
  readonly state: (statement: Statement) => void;
}

/**
 * What one machine does to become, and as, a member of a cluster, without I/O: beacons, genesis, applications, epochs.
 * What is changed in the store must be on disk before the effects of the same step are carried out.
 */
export class Formation {
  readonly #context: FormationContext;
  readonly #beacons: BeaconSender;
  readonly #ownCopy: OwnCopy;
  readonly #genesisBallot: GenesisBallot;
  readonly #applicant: Applicant;
  readonly #startedAt: Instant;
  #member: Membered | undefined;
  #effects: FormationEffect[] = [];
  readonly #counters = { heard: 0, foreign: 0, refused: 0 };
  #lastHeardAt: Instant | undefined;
  #isStarted = false;
  #isEstablishedAnnounced = false;
  #isRevocationAnnounced = false;

  constructor({ now, ...options }: FormationOptions) {
    this.#context = {
      ...options,
      // Records hold whole milliseconds.
      wallTime: () => Math.round(options.wallTime()),
      neighbours: new Neighbours(),
      joinKeys: new JoinKeys(options.joinKey, () => this.ledger?.joinKey.inForce?.key),
      diagnostics: new Diagnostics(),
      emit: (effect) => void this.#effects.push(effect),
    };
    this.#startedAt = now;
    this.#beacons = new BeaconSender(this.#context, now);
    this.#ownCopy = new OwnCopy(this.#context, this.#beacons.instance, now);
    this.#genesisBallot = new GenesisBallot(this.#context, now, (record, at) =>
      this.#learnGenesis(record, at),
    );
    this.#applicant = new Applicant(this.#context);
  }

  step(input: FormationInput, now: Instant): readonly FormationEffect[] {
    this.#effects = [];
    if (!this.#isStarted) this.#start(now);
    switch (input.kind) {
      case "wake":
        break;
      case "datagram":
        this.#doubting(() => this.#receive(input.from, input.bytes, now));
        break;
      case "message":
        this.#doubting(() => this.#hearMember(input.from, input.topic, input.body, now));
        break;
      case "admit":
        this.#member?.admitter.admit(input.nodeId, input.index);
        break;
      case "revoke":
        this.#revoke(input);
        break;
      case "joined":
        this.#member?.epochs.join(input.epoch, now);
        break;
      case "rotate-ring-key":
        this.#member?.ring.rotate(now);
        break;
      case "unknown-ring-key":
        this.#member?.ring.miss(input, now);
        break;
      default:
        input satisfies never;
    }
    this.#drive(now);
    return this.#effects;
  }

  get wakeAt(): Instant {
    if (!this.#isStarted) return this.#startedAt;
    if (this.isRevoked) return Infinity;
    if (this.hasYielded) return this.#beacons.wakeAt;
    const matters = this.#member
      ? [this.#member.epochs.wakeAt, this.#member.ring.wakeAt]
      : [this.#genesisBallot.wakeAt, this.#applicant.wakeAt];
    return Math.min(this.#beacons.wakeAt, ...matters);
  }

  get ledger(): Ledger | undefined {
    return this.#member?.ledger;
  }

  /** Whether this machine was a member and never will be again: it says nothing more to anybody. */
  get isRevoked(): boolean {
    return this.ledger?.roster.isRevoked(this.#context.identity.nodeId) ?? false;
  }

  /** Whether another machine runs with this identity and this one gave way: it takes no part in anything any more. */
  get hasYielded(): boolean {
    return this.#ownCopy.hasYielded;
  }

  /** IDs of the join keys by which a machine is admitted unattended, as far as this one knows. */
  get joinKeyIds(): readonly string[] {
    const ids = this.#context.joinKeys.all.map(({ id }) => id);
    return ids.filter((id) => !this.ledger?.isRetired(id));
  }

  get epoch(): Epoch | undefined {
    return this.#member?.epochs.current;
  }

  get stage(): "searching" | "founding" | "applying" | "pending" {
    if (this.#applicant.isApplying) return this.#context.joinKey.isPresent ? "applying" : "pending";
    return this.#genesisBallot.isUnderWay ? "founding" : "searching";
  }

  /** Unformed machines with the same join key, this one included. */
  candidateCount(now: Instant): number {
    return this.#genesisBallot.candidates(now).length + 1;
  }

  /** How this machine looks for others, and what came of it. */
  discovery(now: Instant): Discovery {
    return {
      beaconsSent: this.#beacons.sent,
      beaconsHeard: this.#counters.heard,
      ...(this.#lastHeardAt !== undefined && { silentForMs: now - this.#lastHeardAt }),
      unheardBy: this.#context.neighbours.deafCount(now),
    };
  }

  /** Counts since the start, by name. */
  counters(): FormationCounters {
    return { ...this.#counters, sent: this.#beacons.sent };
  }

  diagnostics(now: Instant): readonly Diagnostic[] {
    return this.#context.diagnostics.list(now);
  }

  /** A member again after a restart, if it was one. */
  #start(now: Instant): void {
    this.#isStarted = true;
    const { genesis, ringKeys } = this.#context.store.state;
    if (genesis && ringKeys.length > 0) this.#becomeMember(openGenesis(genesis), [], now);
  }

  #drive(now: Instant): void {
    if (this.isRevoked) return this.#announce(now);
    if (this.hasYielded) return this.#beacons.driveSeldom(now);
    if (this.#member) {
      this.#member.epochs.drive(now);
      this.#member.ring.drive(now);
    } else {
      this.#genesisBallot.drive(now);
      if (!this.#member) this.#applicant.drive(now);
    }
    this.#announce(now);
    this.#beacons.drive(now, this.#member?.ledger);
  }

  /** What holds now and was not said yet in this process. */
  #announce(now: Instant): void {
    const { store, emit } = this.#context;
    const ledger = this.#member?.ledger;
    if (!this.#isEstablishedAnnounced && store.state.established && ledger?.established) {
      this.#isEstablishedAnnounced = true;
      emit({ kind: "established", established: ledger.established });
    }
    if (!this.#isRevocationAnnounced && this.isRevoked) {
      this.#isRevocationAnnounced = true;
      diagnose(this.#context, { kind: "revoked" }, now, true);
    }
  }

  #receive(from: Address, datagram: Uint8Array, now: Instant): void {
    const record = unframe(datagram);
    if (!record || (this.hasYielded && recordName(record) !== "beacon")) return;
    switch (recordName(record)) {
      case "beacon":
        return this.#hear(openBeacon(record, this.#context.joinKeys), from, now);
      case "ballot":
        return this.#genesisBallot.receive(record, from, now);
      case "application":
        return this.#member?.admitter.receive(record, from, now);
      case "answer":
        return this.#receiveAnswer(record, from, now);
      case "ring-request":
        return this.#member?.ring.receiveRequest(record, from, now);
      case "ring-handing":
        return this.#member?.ring.receiveHanding(record, from, now);
      case "notice":
        return this.#hearNotice(record);
      default:
        return;
    }
  }

  #hear(beacon: HeardBeacon, from: Address, now: Instant): void {
    const { identity, neighbours, joinKey, joinKeys } = this.#context;
    if (beacon.nodeId === identity.nodeId) return this.#ownCopy.hear(beacon, from, now);
    if (this.hasYielded) return;
    this.#counters.heard += 1;
    this.#lastHeardAt = now;
    if (joinKeys.isForeignTag(beacon.tag)) {
      this.#counters.foreign += 1;
      return diagnose(this.#context, { kind: "foreign-tag", nodeId: beacon.nodeId }, now);
    }
    // A copied tag without the key behind it, or one that this machine has no key to judge.
    if (beacon.standing === "other-key" && joinKeys.newest.isPresent) return;
    const hearing = neighbours.hear(beacon, from, now);
    if (hearing === "duplicate-identity") {
      diagnose(this.#context, { kind: "duplicate-identity", nodeId: beacon.nodeId, address: from }, now);
    }
    if (hearing === "stale") return;
    if (!joinKey.isPresent && !this.#member) diagnose(this.#context, { kind: "no-join-key" }, now);
    this.#member?.greeter.hear(beacon, from, now);
    if (this.#member && beacon.clusterId === this.#member.ledger.genesis.clusterId)
      this.#member.ring.hear(beacon.nodeId, beacon.ringKeyId, from, now);
  }

  #hearMember(from: NodeId, topic: FormationTopic, body: Uint8Array, now: Instant): void {
    switch (topic) {
      case "formation/epoch":
        return this.#member?.epochs.receive(from, body, now);
      case "formation/application":
        return this.#member?.admitter.receiveRelayed(from, body, now);
      case "formation/answer":
        return this.#member?.admitter.passAnswer(body);
      default:
        topic satisfies never;
    }
  }

  /** The node is told, too: from the moment it is revoked nobody gossips with it. */
  #revoke(decision: RevocationDecision): void {
    const address = this.#context.peers().find(({ nodeId }) => nodeId === decision.nodeId)?.address;
    this.#member?.admitter.revoke(decision);
    if (address !== undefined && address !== "") this.#member?.greeter.notify(decision.nodeId, address);
  }

  #hearNotice(record: Uint8Array): void {
    const statement = this.#member?.greeter.openNotice(record);
    if (statement) this.#member?.state(statement);
  }

  /** A decided genesis record: this machine's own ballot's, or by a holder of the join key. */
  #learnGenesis(bytes: Uint8Array, now: Instant): void {
    const { store, identity } = this.#context;
    const genesis = openGenesis(bytes);
    if (store.state.genesis && !equalBytes(store.state.genesis, bytes)) {
      return diagnose(this.#context, { kind: "other-cluster", clusterId: genesis.clusterId }, now);
    }
    if (this.#member) return;
    // Known from here on, founder or not: this machine founds no other cluster.
    if (!store.state.genesis) store.change({ genesis: bytes });
    if (!genesis.payload.founders.some(({ nodeId }) => nodeId === identity.nodeId)) return;
    const secrets = this.#openSecrets(genesis, now);
    if (!secrets) return;
    const { ringKey, authoritySeed } = secrets;
    store.change({ ringKeys: [ringKey], ...(authoritySeed && { authoritySeed }) });
    this.#becomeMember(
      genesis,
      this.#genesisBallot.candidates(now).map(({ address }) => address),
      now,
    );
  }

  #receiveAnswer(record: Uint8Array, from: Address, now: Instant): void {
    if (this.#member) return;
    const admitted = this.#applicant.receive(record, from);
    if (!admitted) return;
    const { genesis, admission, ring, revocations } = admitted;
    // A founder that learns of genesis by an answer is handed its part of the genesis record all the same.
    const authoritySeed = admission ? undefined : this.#openSecrets(genesis, now)?.authoritySeed;
    this.#context.store.change({
      ...(authoritySeed && { authoritySeed }),
      genesis: genesis.bytes,
      ringKeys: [...ring.keys],
      ringRecords: [...ring.records],
      revocations: [...revocations],
      admissions: admission ? [admission] : [],
    });
    this.#becomeMember(genesis, [from], now);
  }

  /** This founder's part of the genesis record; undefined when its sealing key is another than it was. */
  #openSecrets(genesis: Genesis, now: Instant): FounderSecrets | undefined {
    const { identity, sealing } = this.#context;
    try {
      return openFounderSecrets(genesis, identity.nodeId, sealing);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      diagnose(this.#context, { kind: "secrets-do-not-open" }, now);
      return undefined;
    }
  }

  #becomeMember(genesis: Genesis, seeds: readonly Address[], now: Instant): void {
    const { store, emit } = this.#context;
    const ledger = new Ledger(genesis, store);
    const state = (statement: Statement): void => {
      // Its own word goes to disk at once: others will act on it.
      ledger.learn(statement, now);
      store.change({});
      emit({ kind: "publish", ...statement });
    };
    // Before what its parts say on their first step. A revoked machine knows whose it was, and takes no part.
    if (!ledger.roster.isRevoked(this.#context.identity.nodeId)) emit({ kind: "admitted", genesis, seeds });
    const established = (record: Uint8Array): void => state({ key: ESTABLISHED_KEY, bytes: record });
    const beacons = this.#beacons;
    const ring = new RingKeeper(this.#context, ledger, {
      now,
      state,
      tell: (address) => beacons.tell(address),
      notify: (nodeId, address) => this.#member?.greeter.notify(nodeId, address),
    });
    this.#member = {
      ring,
      ledger,
      state,
      admitter: new Admitter(this.#context, ledger, state),
      epochs: new EpochBallot(this.#context, genesis, now, established),
      greeter: new Greeter({ context: this.#context, ledger, beacons, genesisBallot: this.#genesisBallot }),
    };
  }

  /** Runs what acts on bytes from outside. What they fail by is named; anything else is a defect and goes on up. */
  #doubting(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#counters.refused += 1;
    }
  }
}

import { signingKeyFromSeed, type NodeId } from "@cluster-os/identity";
import {
  GENESIS_RING_KEY_ID,
  type Genesis,
  type GenesisPayload,
  type JoinKeyPayload,
  type Roster,
} from "@cluster-os/admission";
import {
  Membership,
  MEMBERSHIP_KIND,
  type Address,
  type Fact,
  type Member,
  type MembershipEffect,
  type MembershipInput,
  type NodeDescription,
} from "@cluster-os/membership";
import { equalBytes, invariant, type Instant } from "@cluster-os/std";
import { DEFAULT_FORMATION_CONFIG, type FormationConfig } from "./config.ts";
import type { FormationEffect, FormationTopic } from "./effect.ts";
import { Formation } from "./formation.ts";
import type { FormationInput } from "./formation-interface.ts";
import { JoinKey } from "./join-key.ts";
import type { Ledger } from "./ledger.ts";
import type {
  Lifecycle,
  NodeProtocolEffect,
  NodeProtocolInput,
  NodeProtocolOptions,
  NodeProtocolStatus,
  OwnDescription,
} from "./node-protocol-interface.ts";
import { JOIN_KEY_KEY } from "./join-key-book.ts";
import { ROLES_KEY } from "./roles-book.ts";
import { ringKeyStatus } from "./ring-status.ts";
import { wholeDescription } from "./own-description.ts";
import { PeerBook } from "./peer-book.ts";
import { isRefusal } from "./refusal.ts";
import { SAFE_RULES } from "./rules.ts";
import { decodeNodeState, NodeStore } from "./state.ts";

/**
 * One node's whole protocol before Kubernetes: formation until it is a member, then membership, with admission facts
 * between them. Sans-I/O: `step(input, now)` returns the effects, in the order in which they are to be carried out;
 * call it with `wake` at construction and when the time is `wakeAt`.
 */
export class NodeProtocol {
  readonly #options: NodeProtocolOptions;
  readonly #config: FormationConfig;
  readonly #store: NodeStore;
  readonly #formation: Formation;
  readonly #peers: PeerBook;
  #membership: Membership | undefined;
  #description: OwnDescription;
  #lanSubnets: readonly string[];
  #effects: NodeProtocolEffect[] = [];
  #now: Instant;
  #isStarted = false;
  #wasServing = false;
  #toldLifecycle: Lifecycle | undefined;

  /** Throws a NodeStateError when `state` is damaged. */
  constructor(options: NodeProtocolOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#config = { ...DEFAULT_FORMATION_CONFIG, ...options.config };
    this.#description = options.description;
    this.#lanSubnets = options.lanSubnets;
    this.#store = new NodeStore(decodeNodeState(options.state));
    // Counted on disk before this start's first message: nonces of gossip begin with it. Without a state the count begins
    // at the wall clock's seconds, so that a node that lost its state, but not its identity, repeats no nonce.
    const counted = options.state ? this.#store.state.bootCounter : Math.floor(options.wallTime() / 1000);
    this.#store.change({ bootCounter: Math.min(Math.max(0, counted), MAX_BOOT_COUNTER - 1) + 1 });
    const { lazyPersistMs } = this.#config;
    this.#peers = new PeerBook({ self: options.identity.nodeId, store: this.#store, lazyPersistMs });
    this.#formation = new Formation({
      identity: options.identity,
      wireguardKey: options.wireguardKey,
      sealing: options.sealing,
      joinKey: new JoinKey(options.joinKey),
      expect: options.expect,
      rng: options.rng,
      wallTime: options.wallTime,
      config: this.#config,
      rules: { ...SAFE_RULES, ...options.rules },
      store: this.#store,
      lanSubnets: () => this.#lanSubnets,
      peers: () => this.#peers.among(this.members(), this.servers),
      now: options.now,
    });
  }

  step(input: NodeProtocolInput, now: Instant): readonly NodeProtocolEffect[] {
    // Before anything else is looked at: garbage may come by the ten thousand a second.
    const isGarbage =
      input.kind === "datagram" &&
      input.bytes[0] === MEMBERSHIP_KIND &&
      this.#membership?.refuses(input.bytes);
    if (isGarbage) return [];
    this.#now = now;
    this.#effects = [];
    this.#isStarted = true;
    this.#take(input);
    this.#runFormation({ kind: "wake" });
    // Nobody is told: those who may know do, and the others are no longer this machine's business.
    if (this.#formation.isRevoked || this.#formation.hasYielded) this.#membership = undefined;
    if (this.#membership && now >= this.#membership.wakeAt) this.#runMembership({ kind: "wake" });
    this.#tellLifecycle();
    const state = this.#store.takeDue(now);
    // Promises first: nothing of this step leaves before they are on disk.
    return state ? [{ kind: "persist", state }, ...this.#effects] : this.#effects;
  }

  get wakeAt(): Instant {
    if (!this.#isStarted) return this.#now;
    return Math.min(this.#formation.wakeAt, this.#membership?.wakeAt ?? Infinity, this.#store.wakeAt);
  }

  get status(): NodeProtocolStatus {
    const { ledger, epoch } = this.#formation;
    const { nodeId } = this.#options.identity;
    const index = ledger?.roster.indexOf(nodeId);
    return {
      nodeId,
      lifecycle: this.#lifecycle,
      ...(!ledger && { stage: this.#formation.stage }),
      candidateCount: this.#formation.candidateCount(this.#now),
      discovery: this.#formation.discovery(this.#now),
      ...(this.#options.expect !== undefined && { expect: this.#options.expect }),
      ...(ledger && { clusterId: ledger.genesis.clusterId }),
      ...(index !== undefined && { index }),
      isFounder: ledger?.roster.isFounder(nodeId) ?? false,
      isRevoked: this.#formation.isRevoked,
      isServer: this.servers.includes(nodeId),
      hasAuthorityKey: this.authoritySeed !== undefined,
      ...(epoch && { epoch }),
      ...(ledger?.established && { established: ledger.established }),
      ...(ledger?.roles.inForce && { roles: ledger.roles.inForce }),
      ...(ledger && { ringKey: ringKeyStatus(ledger.ring.ring) }),
      diagnostics: this.#formation.diagnostics(this.#now),
    };
  }

  /**
   * Counts since the start, by the name of the core and of what is counted: "membership.replayed". Those of membership
   * are absent until this machine is a member.
   */
  counters(): Readonly<Record<string, number>> {
    const named = (core: string, counts: object | undefined): [string, number][] =>
      Object.entries(counts ?? {}).map(([name, count]) => [`${core}.${name}`, count as number]);
    return Object.fromEntries<number>([
      ...named("formation", this.#formation.counters()),
      ...named("membership", this.#membership?.counters()),
    ]);
  }

  /** The genesis record's payload, once this machine is a member. */
  get genesis(): GenesisPayload | undefined {
    return this.#formation.ledger?.genesis.payload;
  }

  /** Who is to run the control plane, as far as this machine knows; empty until it is a member. */
  get servers(): readonly NodeId[] {
    const ledger = this.#formation.ledger;
    return ledger?.roles.inForce?.servers ?? ledger?.genesis.payload.servers ?? [];
  }

  /** Who is admitted, under which index; undefined until this machine is a member. */
  get roster(): Roster | undefined {
    return this.#formation.ledger?.roster;
  }

  /** The authority key's seed, on a server. */
  get authoritySeed(): Uint8Array | undefined {
    return this.#store.state.authoritySeed;
  }

  /** The join key in force, if there was a rotation. */
  get joinKeyInForce(): JoinKeyPayload | undefined {
    return this.#formation.ledger?.joinKey.inForce;
  }

  /** The genesis record; undefined until this machine is a member. */
  get genesisRecord(): Genesis | undefined {
    return this.#formation.ledger?.genesis;
  }

  /** Whether a join key admits nobody unattended any more. */
  isRetired(joinKeyId: string): boolean {
    return this.#formation.ledger?.isRetired(joinKeyId) ?? false;
  }

  /** IDs of the join keys by which a machine is admitted unattended, as far as this one knows. */
  get joinKeyIds(): readonly string[] {
    return this.#formation.joinKeyIds;
  }

  /** Empty until this machine is a member; then with this machine itself. */
  members(): readonly Member[] {
    return this.#membership?.members() ?? [];
  }

  facts(): ReadonlyMap<string, Fact> {
    return this.#membership?.facts() ?? new Map<string, Fact>();
  }

  #take(input: NodeProtocolInput): void {
    switch (input.kind) {
      case "wake":
        return;
      case "datagram":
        if (input.bytes[0] === MEMBERSHIP_KIND) return this.#runMembership(input);
        return this.#runFormation(input);
      case "describe":
        this.#description = input.description;
        return this.#describe();
      case "lan-subnets":
        this.#lanSubnets = input.lanSubnets;
        return;
      case "admit":
      case "revoke":
      case "joined":
      case "rotate-ring-key":
        return this.#runFormation(input);
      case "authority":
        return this.#takeAuthority(input.seed);
      case "forget-authority":
        return this.#store.change({ authoritySeed: undefined });
      case "roles":
        return this.#publish(ROLES_KEY, this.#formation.ledger?.roles.sign(input));
      case "join-key":
        return this.#publish(JOIN_KEY_KEY, this.#formation.ledger?.joinKey.sign(input));
      case "send-message":
      case "publish-fact":
      case "leave":
        return this.#runMembership(input);
      default:
        input satisfies never;
    }
  }

  #runFormation(input: FormationInput): void {
    for (const effect of this.#formation.step(input, this.#now)) this.#applyFormation(effect);
  }

  #applyFormation(effect: FormationEffect): void {
    switch (effect.kind) {
      case "admitted":
        return this.#becomeMember(effect.genesis, effect.seeds);
      case "tell":
        return this.#runMembership({
          kind: "send-message",
          to: effect.to,
          topic: effect.topic,
          body: effect.body,
        });
      case "meet":
        return this.#runMembership({ kind: "join", seeds: [effect.address] });
      case "ring-keys":
        return this.#useRing();
      case "publish":
        return this.#runMembership({ kind: "publish-fact", key: effect.key, bytes: effect.bytes });
      case "send":
      case "multicast":
      case "application":
      case "epoch":
      case "established":
      case "diagnostic":
        this.#effects.push(effect);
        return;
      default:
        effect satisfies never;
    }
  }

  #runMembership(input: MembershipInput): void {
    for (const effect of this.#membership?.step(input, this.#now) ?? []) this.#applyMembership(effect);
  }

  #applyMembership(effect: MembershipEffect): void {
    switch (effect.kind) {
      case "member-changed":
        this.#peers.remember(effect.member, this.#now);
        this.#effects.push(effect);
        return;
      case "message":
        if (isFormationTopic(effect.topic)) {
          return this.#runFormation({
            kind: "message",
            from: effect.from,
            topic: effect.topic,
            body: effect.body,
          });
        }
        this.#effects.push(effect);
        return;
      case "unknown-ring-key":
        return this.#runFormation(effect);
      case "send":
      case "fact-learned":
      case "misconduct":
        this.#effects.push(effect);
        return;
      default:
        effect satisfies never;
    }
  }

  #becomeMember(genesis: Genesis, seeds: readonly Address[]): void {
    const { identity, rng, membershipConfig, membershipRules } = this.#options;
    const { bootCounter, peers } = this.#store.state;
    const ledger = this.#formation.ledger;
    invariant(ledger, "formation holds the ledger of the cluster that it says this machine is a member of");
    this.#membership = new Membership({
      identity,
      rng,
      ...(membershipConfig && { config: membershipConfig }),
      ...(membershipRules && { rules: membershipRules }),
      clusterId: genesis.clusterId,
      ringKeys: ledger.ring.ring.sealingLast,
      bootCounter,
      description: this.#fullDescription(),
      isAdmitted: (nodeId) => ledger.roster.isAdmitted(nodeId),
      verifyFact: (key, bytes) => this.#verifyFact(ledger, key, bytes),
      now: this.#now,
    });
    for (const { key, bytes } of ledger.statements())
      this.#runMembership({ kind: "publish-fact", key, bytes });
    const remembered = peers.filter(([nodeId]) => ledger.roster.isAdmitted(nodeId));
    const known = [...seeds, ...remembered.map(([, address]) => address), ...(this.#options.seeds ?? [])];
    if (known.length > 0) this.#runMembership({ kind: "join", seeds: [...new Set(known)] });
    this.#effects.push({
      kind: "admitted",
      clusterId: genesis.clusterId,
      genesis: genesis.payload,
      index: ledger.roster.indexOf(identity.nodeId) ?? 0,
      isFounder: ledger.roster.isFounder(identity.nodeId),
    });
  }

  #useRing(): void {
    const ledger = this.#formation.ledger;
    if (!ledger) return;
    this.#runMembership({ kind: "ring-keys", ringKeys: ledger.ring.ring.sealingLast });
    this.#describe();
    this.#effects.push({ kind: "ring-key", ringKey: ringKeyStatus(ledger.ring.ring) });
  }

  /** Learns a gossiped statement of the authority; others are judged by the app's own verifier. */
  #verifyFact(ledger: Ledger, key: string, bytes: Uint8Array): { readonly version: number } | undefined {
    try {
      const version = ledger.learn({ key, bytes }, this.#now + this.#config.lazyPersistMs);
      return version === undefined ? this.#options.verifyFact?.(key, bytes) : { version };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return undefined;
    }
  }

  /** The seed counts only if it is the one of the key that the genesis record names. */
  #takeAuthority(seed: Uint8Array): void {
    const { genesis } = this;
    if (!genesis || !equalBytes(signingKeyFromSeed(seed).publicKey, genesis.authorityKey)) return;
    this.#store.change({ authoritySeed: seed });
  }

  #publish(key: string, bytes: Uint8Array | undefined): void {
    if (bytes) this.#runMembership({ kind: "publish-fact", key, bytes });
  }

  get #lifecycle(): Lifecycle {
    if (!this.#isStarted) return "init";
    if (!this.#formation.ledger) return "join";
    if (this.#description.kubernetes.state === READY_STATE) return "serve";
    return this.#wasServing ? "reconfigure" : "converge";
  }

  #tellLifecycle(): void {
    const lifecycle = this.#lifecycle;
    if (lifecycle === "serve") this.#wasServing = true;
    if (lifecycle !== this.#toldLifecycle) this.#describe();
  }

  #describe(): void {
    this.#toldLifecycle = this.#lifecycle;
    this.#runMembership({ kind: "describe", description: this.#fullDescription() });
  }

  #fullDescription(): NodeDescription {
    const { wireguardKey, sealing } = this.#options;
    return wholeDescription(this.#description, {
      wireguardKey,
      sealing,
      ringKeyId: this.#formation.ledger?.ring.ring.newestHeld ?? GENESIS_RING_KEY_ID,
      lifecycle: this.#lifecycle,
    });
  }
}

const READY_STATE = "ready";
/** The counter is four bytes of a nonce. */
const MAX_BOOT_COUNTER = 2 ** 32 - 1;

const FORMATION_TOPICS: readonly string[] = [
  "formation/epoch",
  "formation/application",
  "formation/answer",
] satisfies readonly FormationTopic[];

function isFormationTopic(topic: string): topic is FormationTopic {
  return FORMATION_TOPICS.includes(topic);
}

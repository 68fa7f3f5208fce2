import { decodeCbor, encodeCbor, NodeId } from "@cluster-os/identity";
import { signEstablished, type EstablishedPayload, type Genesis } from "@cluster-os/admission";
import { signingKeyFromSeed } from "@cluster-os/identity";
import { utf8, type Instant } from "@cluster-os/std";
import { z } from "zod";
import { BallotMessage } from "./ballot-message.ts";
import { BallotRunner, type ProposerTurn } from "./ballot-runner.ts";
import { diagnose, type FormationContext } from "./context.ts";
import { Epoch } from "./state.ts";

/*
 * Who begins Kubernetes. The genesis record says who does in epoch 0. If that server is lost before a majority of the
 * servers joined it, the others decide on another under epoch 1, and so on: one Paxos instance per epoch among the serving founders.
 *
 * Why at most one epoch is ever established:
 *   (1) A server that has joined epoch e votes for no later epoch, and one that has voted for a later epoch does not count
 *       as having joined e. Both are on disk before anyone is told. So a server never both joined e and voted for e' > e,
 *       unless it learnt before that some e'' > e was decided.
 *   (2) e is established when a majority joined e; e' > e is decided when a majority voted for it. Consider the first
 *       decided e' > e: the two majorities would share a server that did both, against (1). So if e is established, no later
 *       epoch ever is decided, hence none is established; and if a later epoch is decided, e never is established.
 *   (3) Therefore a server that learns of a decided later epoch may forget that it joined, and wipes what it began.
 * The limit: when the initialiser is lost for good after exactly those servers joined that keep the rest from a majority, no
 * vote is possible. Whether the epoch was established cannot be known then, and a person must say so.
 */

const Report = z.object({
  kind: z.literal("report"),
  current: Epoch,
  joined: z.int().min(0).optional(),
});
const EpochMessage = z.discriminatedUnion("kind", [
  Report,
  z.object({ kind: z.literal("ballot"), epoch: z.int().min(1), message: BallotMessage }),
]);
type EpochMessage = z.infer<typeof EpochMessage>;

export class EpochBallot {
  readonly #context: FormationContext;
  readonly #servers: readonly NodeId[];
  readonly #clusterId: string;
  /** Signs and spreads the record once the cluster is established. */
  readonly #established: (record: Uint8Array) => void;
  /** Each server's word on which epoch it joined. */
  readonly #joined = new Map<NodeId, number>();
  readonly #runners = new Map<number, BallotRunner>();
  readonly #seenAliveAt = new Map<NodeId, Instant>();
  #reportAt: Instant = 0;
  #now: Instant = 0;

  constructor(
    context: FormationContext,
    genesis: Genesis,
    now: Instant,
    established: (record: Uint8Array) => void,
  ) {
    this.#context = context;
    this.#servers = genesis.payload.servers;
    this.#clusterId = genesis.clusterId;
    this.#established = established;
    this.#now = now;
    for (const server of this.#servers) this.#seenAliveAt.set(server, now);
    if (!this.#state.current) this.#adopt({ epoch: 0, initialiser: this.#servers[0] as NodeId });
    else if (this.#isServer) context.emit({ kind: "epoch", ...this.#state.current });
  }

  get current(): Epoch | undefined {
    return this.#state.current;
  }

  get wakeAt(): Instant {
    if (!this.#isServer || this.#isSettled) return Infinity;
    return Math.min(this.#reportAt, this.#runner?.wakeAt ?? Infinity);
  }

  /** This server's etcd is a voter of the cluster begun under `epoch`. Refused when it voted against that epoch. */
  join(epoch: number, now: Instant): void {
    this.#now = now;
    const { current, voted } = this.#state;
    if (!this.#isServer || this.#isSettled || current?.epoch !== epoch) return;
    if (!this.#context.rules.mayJoin({ epoch, voted })) return;
    this.#context.store.changeEpochs({ joined: epoch });
    this.#report(now);
    this.#count();
  }

  /** A message of another serving founder, authenticated by membership. */
  receive(from: NodeId, body: Uint8Array, now: Instant): void {
    this.#now = now;
    const parsed = EpochMessage.safeParse(decodeCbor(body));
    if (!parsed.success || !this.#servers.includes(from) || !this.#isServer || this.#isSettled) return;
    const message = parsed.data;
    switch (message.kind) {
      case "report":
        if (message.joined !== undefined) this.#joined.set(from, message.joined);
        this.#learn(message.current);
        return this.#count();
      case "ballot":
        return this.#receiveBallot(from, message.epoch, message.message);
      default:
        message satisfies never;
    }
  }

  drive(now: Instant): void {
    this.#now = now;
    if (!this.#isServer || this.#isSettled) return;
    this.#noteAlive(now);
    this.#runner?.drive(now, this.#turn(now));
    this.#count();
    if (now >= this.#reportAt) this.#report(now);
  }

  #receiveBallot(from: NodeId, epoch: number, message: BallotMessage): void {
    const { current } = this.#state;
    if (!current || epoch <= current.epoch) return this.#tell(from, this.#ownReport());
    if (message.kind === "decided") return this.#decided(epoch, message.value);
    const isRequest = message.kind === "prepare" || message.kind === "accept";
    if (isRequest && !this.#mayVote(epoch)) return this.#tell(from, this.#ownReport());
    // Someone who cannot hear the initialiser does not unseat it while this server does.
    if (message.kind === "prepare" && !message.isCompletion && !this.#isInitialiserLost) return;
    this.#runnerOf(epoch).receive(from, message, this.#now);
  }

  #mayVote(epoch: number): boolean {
    return this.#context.rules.mayVote({ epoch, joined: this.#state.joined });
  }

  #turn(now: Instant): ProposerTurn {
    const { current, ballots, joined } = this.#state;
    if (!current) return "none";
    const next = current.epoch + 1;
    if (!this.#mayVote(next)) {
      if (this.#isInitialiserLost) this.#warnOfLoss(current, joined, now);
      return "none";
    }
    // Having voted, this server may not join the current epoch: the vote has to be carried through.
    const hasVoted = ballots.some(([epoch, { accepted }]) => epoch === next && accepted !== undefined);
    if (hasVoted) return "later";
    if (!this.#isInitialiserLost) return "none";
    const alive = this.#servers.filter((server) => this.#isSelf(server) || this.#isAlive(server));
    return alive[0] !== undefined && this.#isSelf(alive[0]) ? "first" : "later";
  }

  /** The promisers are up and may vote; the first of them in order begins anew. */
  #chooseInitialiser(promisers: readonly NodeId[]): NodeId | undefined {
    return this.#servers.find((server) => promisers.includes(server));
  }

  #decided(epoch: number, value: Uint8Array): void {
    const initialiser = NodeId.safeParse(Buffer.from(value).toString("utf8"));
    if (initialiser.success) this.#learn({ epoch, initialiser: initialiser.data });
    this.#report(this.#now);
  }

  /** A decided epoch, by a server's word. */
  #learn(epoch: Epoch): void {
    const { current } = this.#state;
    if (current && epoch.epoch <= current.epoch) return;
    if (this.#servers.includes(epoch.initialiser)) this.#adopt(epoch);
  }

  #adopt(epoch: Epoch): void {
    const { store, emit } = this.#context;
    const { joined, ballots } = this.#state;
    for (const number of this.#runners.keys()) if (number <= epoch.epoch) this.#runners.delete(number);
    store.changeEpochs({
      current: epoch,
      joined: joined === epoch.epoch ? joined : undefined,
      ballots: ballots.filter(([number]) => number > epoch.epoch),
    });
    // The new initialiser has as long as the former one had.
    this.#seenAliveAt.set(epoch.initialiser, this.#now);
    this.#reportAt = this.#now;
    if (this.#isServer) emit({ kind: "epoch", ...epoch });
  }

  /** Establishes the current epoch when a majority of the servers joined it. */
  #count(): void {
    const { current, joined } = this.#state;
    const { store, rules } = this.#context;
    const seed = store.state.authoritySeed;
    if (!current || !seed || this.#isSettled) return;
    const others = this.#servers.filter(
      (server) => !this.#isSelf(server) && this.#joined.get(server) === current.epoch,
    );
    const count = others.length + (joined === current.epoch ? 1 : 0);
    if (count < rules.quorum(this.#servers.length)) return;
    const payload: EstablishedPayload = {
      clusterId: this.#clusterId,
      ...current,
      servers: [...this.#servers],
    };
    this.#established(signEstablished(payload, signingKeyFromSeed(seed)));
  }

  #report(now: Instant): void {
    const { config } = this.#context;
    this.#reportAt = now + config.epochReportMs;
    for (const server of this.#servers) if (!this.#isSelf(server)) this.#tell(server, this.#ownReport());
  }

  #ownReport(): EpochMessage {
    const { current, joined } = this.#state;
    return { kind: "report", current: current as Epoch, ...(joined !== undefined && { joined }) };
  }

  #tell(to: NodeId, message: EpochMessage): void {
    this.#context.emit({ kind: "tell", to, topic: "formation/epoch", body: encodeCbor(message) });
  }

  #noteAlive(now: Instant): void {
    for (const { nodeId, isAlive } of this.#context.peers()) if (isAlive) this.#seenAliveAt.set(nodeId, now);
  }

  #isAlive(nodeId: NodeId): boolean {
    return this.#seenAliveAt.get(nodeId) === this.#now;
  }

  get #isInitialiserLost(): boolean {
    const { current } = this.#state;
    if (!current || this.#isSelf(current.initialiser)) return false;
    const seenAt = this.#seenAliveAt.get(current.initialiser) ?? this.#now;
    return this.#now - seenAt >= this.#context.config.initialiserGraceMs;
  }

  #warnOfLoss(current: Epoch, joined: number | undefined, now: Instant): void {
    if (joined === current.epoch) diagnose(this.#context, { kind: "initialiser-lost", ...current }, now);
  }

  /** The ballot on the epoch after the current one. */
  get #runner(): BallotRunner | undefined {
    const { current } = this.#state;
    return current && this.#runnerOf(current.epoch + 1);
  }

  #runnerOf(epoch: number): BallotRunner {
    const known = this.#runners.get(epoch);
    if (known) return known;
    const { identity, rng, config, rules } = this.#context;
    const made = new BallotRunner({
      self: identity.nodeId,
      rng,
      config,
      rules,
      load: () => this.#state.ballots.find(([number]) => number === epoch)?.[1] ?? {},
      save: (state) => {
        const others = this.#state.ballots.filter(([number]) => number !== epoch);
        const voted = state.accepted ? Math.max(this.#state.voted, epoch) : this.#state.voted;
        this.#context.store.changeEpochs({ voted, ballots: [...others, [epoch, state]] });
      },
      targets: () => this.#servers.filter((server) => !this.#isSelf(server)),
      electorate: () => this.#servers.length,
      send: (to, message) => this.#tell(to, { kind: "ballot", epoch, message }),
      mayVote: () => this.#mayVote(epoch),
      chooseValue: (promisers) => {
        const initialiser = this.#chooseInitialiser(promisers);
        return initialiser && utf8(initialiser);
      },
      decided: (value) => this.#decided(epoch, value),
    });
    this.#runners.set(epoch, made);
    return made;
  }

  #isSelf(nodeId: NodeId): boolean {
    return nodeId === this.#context.identity.nodeId;
  }

  get #isServer(): boolean {
    return this.#servers.includes(this.#context.identity.nodeId);
  }

  get #isSettled(): boolean {
    return this.#context.store.state.established !== undefined;
  }

  get #state(): NodeStateEpochs {
    return this.#context.store.state.epochs;
  }
}

type NodeStateEpochs = FormationContext["store"]["state"]["epochs"];

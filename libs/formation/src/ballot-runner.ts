import type { NodeId } from "@cluster-os/identity";
import type { Instant, Rng } from "@cluster-os/std";
import { answerRequest, Proposal, type Request } from "./ballot.ts";
import type { AcceptorState, Ballot, BallotMessage } from "./ballot-message.ts";
import type { FormationConfig } from "./config.ts";
import { compareBallots, type FormationRules } from "./rules.ts";

/** How one decision is embedded: where its state is kept, whom it may ask, what it may propose. */
export interface BallotRunnerOptions {
  readonly self: NodeId;
  readonly rng: Rng;
  readonly config: FormationConfig;
  readonly rules: FormationRules;
  readonly load: () => AcceptorState;
  /** Marks the state as changed; it must be on disk before anything that is sent in the same step. */
  readonly save: (state: AcceptorState) => void;
  /** The other machines to ask. */
  readonly targets: () => readonly NodeId[];
  /** How many machines may vote, as far as this one knows, itself included. */
  readonly electorate: () => number;
  readonly send: (to: NodeId, message: BallotMessage) => void;
  /** Whether this machine may vote at all at this moment; it neither answers nor proposes otherwise. */
  readonly mayVote: () => boolean;
  /** The value to propose when the choice is free; undefined gives the ballot up. */
  readonly chooseValue: (promisers: readonly NodeId[]) => Uint8Array | undefined;
  readonly decided: (value: Uint8Array) => void;
}

/** Whether this machine is to propose: first in order, after the first had its chance, or not at all. */
export type ProposerTurn = "first" | "later" | "none";

/** Acceptor and proposer of one decision: answers, asks, asks again, gives up and pauses. */
export class BallotRunner {
  readonly #options: BallotRunnerOptions;
  #proposal: Proposal | undefined;
  #startedAt: Instant = 0;
  #resendAt: Instant = 0;
  #proposeAt: Instant | undefined;
  #failures = 0;
  #highestRound = 0;

  constructor(options: BallotRunnerOptions) {
    this.#options = options;
  }

  get wakeAt(): Instant {
    if (!this.#proposal) return this.#proposeAt ?? Infinity;
    return Math.min(
      this.#resendAt,
      this.#patienceEnd,
      this.#startedAt + this.#options.config.ballotTimeoutMs,
    );
  }

  /** Whether this machine accepted a value that may have to be carried to its decision. */
  get hasAccepted(): boolean {
    return this.#options.load().accepted !== undefined;
  }

  receive(from: NodeId, message: Exclude<BallotMessage, { kind: "decided" }>, now: Instant): void {
    switch (message.kind) {
      case "prepare":
      case "accept":
        if (!this.#options.mayVote()) return;
        this.#noteRound(message.ballot);
        this.#yieldTo(message, now);
        return this.#answer(from, message);
      case "promise":
      case "accepted":
        if (this.#isCurrent(message.ballot)) this.#proposal?.count(from, message);
        return this.#advance(now);
      case "reject":
        this.#noteRound(message.promised);
        if (this.#isCurrent(message.ballot) && compareBallots(message.promised, message.ballot) > 0)
          this.#giveUp(now);
        return;
      default:
        message satisfies never;
    }
  }

  drive(now: Instant, turn: ProposerTurn): void {
    if (!this.#options.mayVote()) return this.stop();
    if (this.#proposal) {
      if (now >= this.#startedAt + this.#options.config.ballotTimeoutMs) return this.#giveUp(now);
      if (now >= this.#resendAt) this.#ask(now);
      return this.#advance(now);
    }
    if (turn === "none") {
      this.#proposeAt = undefined;
      return;
    }
    const { config, rng } = this.#options;
    this.#proposeAt ??= turn === "first" ? now : now + config.ballotBackoffMs * (0.5 + rng.fraction());
    if (now >= this.#proposeAt) this.#start(now);
  }

  /** Forgets what this machine was about to propose: the matter is settled. */
  stop(): void {
    this.#proposal = undefined;
    this.#proposeAt = undefined;
  }

  #start(now: Instant): void {
    const { self, rules, electorate, load } = this.#options;
    const promised = load().promised;
    if (promised) this.#noteRound(promised);
    const ballot: Ballot = { round: this.#highestRound + 1, proposer: self };
    this.#noteRound(ballot);
    this.#proposeAt = undefined;
    this.#proposal = new Proposal({ ballot, electorate: electorate(), rules });
    this.#startedAt = now;
    this.#ask(now);
    this.#advance(now);
  }

  /** Asks all who have not answered, this machine's own acceptor included. */
  #ask(now: Instant): void {
    const { self, targets, send, config } = this.#options;
    const proposal = this.#proposal;
    if (!proposal) return;
    this.#resendAt = now + config.ballotResendMs;
    const request = proposal.request(this.hasAccepted);
    if (!proposal.isAnsweredBy(self)) {
      const answer = this.#vote(request);
      if (answer.kind === "reject") return this.#giveUp(now);
      proposal.count(self, answer);
    }
    for (const target of targets()) if (!proposal.isAnsweredBy(target)) send(target, request);
  }

  #advance(now: Instant): void {
    const proposal = this.#proposal;
    if (!proposal || !this.#options.mayVote()) return;
    if (proposal.value === undefined) {
      if (!proposal.hasPromises || !(this.#isAnsweredByAll(proposal) || now >= this.#patienceEnd)) return;
      const value = proposal.valueToKeep ?? this.#options.chooseValue(proposal.promisers);
      if (value === undefined) return this.#giveUp(now);
      proposal.put(value);
      this.#ask(now);
      // The own acceptor may have refused, or its vote alone may decide.
      return this.#advance(now);
    }
    if (!proposal.isDecided) return;
    this.stop();
    this.#options.decided(proposal.value);
  }

  /** Whether everyone who could be asked has promised: what more machines know makes the decision safer. */
  #isAnsweredByAll(proposal: Proposal): boolean {
    return this.#options.targets().every((target) => proposal.isAnsweredBy(target));
  }

  get #patienceEnd(): Instant {
    if (!this.#proposal || this.#proposal.value !== undefined || !this.#proposal.hasPromises) return Infinity;
    return this.#startedAt + this.#options.config.quorumPatienceMs;
  }

  #giveUp(now: Instant): void {
    const { config, rng } = this.#options;
    this.#proposal = undefined;
    this.#failures += 1;
    const longest = config.ballotBackoffMs * Math.min(4, this.#failures);
    this.#proposeAt = now + longest * (0.1 + 0.9 * rng.fraction());
  }

  #answer(from: NodeId, request: Request): void {
    this.#options.send(from, this.#vote(request));
  }

  #vote(request: Request): ReturnType<typeof answerRequest>["answer"] {
    const { load, save, electorate, rules } = this.#options;
    const before = load();
    const { state, answer } = answerRequest(before, request, electorate(), rules);
    if (state !== before) save(state);
    return answer;
  }

  /** Someone else is at it under a higher ballot: leave it the time to finish. */
  #yieldTo({ ballot }: Request, now: Instant): void {
    const { config, rng } = this.#options;
    if (this.#proposal && compareBallots(ballot, this.#proposal.ballot) > 0) this.#giveUp(now);
    if (!this.#proposal && this.#proposeAt !== undefined) {
      const later = now + config.ballotTimeoutMs * (0.5 + 0.5 * rng.fraction());
      this.#proposeAt = Math.max(this.#proposeAt, later);
    }
  }

  #isCurrent(ballot: Ballot): boolean {
    return this.#proposal !== undefined && compareBallots(ballot, this.#proposal.ballot) === 0;
  }

  #noteRound({ round }: Ballot): void {
    this.#highestRound = Math.max(this.#highestRound, round);
  }
}

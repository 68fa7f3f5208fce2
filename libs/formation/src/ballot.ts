import type { NodeId } from "@cluster-os/identity";
import type { Accepted, AcceptorState, Ballot, BallotMessage } from "./ballot-message.ts";
import type { FormationRules } from "./rules.ts";

/*
 * Single-decree Paxos (Lamport, "Paxos Made Simple"), over opaque values.
 *
 * A value is decided once a quorum accepted it under one ballot. A proposer first has a quorum promise to ignore lower
 * ballots, and learns what its members had accepted; it must propose the value of the highest such ballot. Two quorums
 * share a machine, so no later ballot can miss a decided value. That holds across crashes because an acceptor's state is
 * on disk before its answer leaves (the `persist` effect comes before every `send` of a step), and because a proposer
 * promises its own ballot first, so that it never uses a ballot twice.
 */

export type Request = Extract<BallotMessage, { kind: "prepare" | "accept" }>;
export type Answer = Extract<BallotMessage, { kind: "promise" | "accepted" | "reject" }>;

/** What an acceptor remembers and answers. `electorate` is how many machines it knows of that may vote. */
export function answerRequest(
  state: AcceptorState,
  request: Request,
  electorate: number,
  rules: FormationRules,
): { readonly state: AcceptorState; readonly answer: Answer } {
  const { ballot } = request;
  switch (request.kind) {
    case "prepare": {
      if (!rules.mayPromise(state, ballot))
        return { state, answer: rejection(ballot, state.promised ?? ballot) };
      const { accepted } = state;
      return {
        state: { ...state, promised: ballot },
        answer: { kind: "promise", ballot, electorate, ...(accepted && { accepted }) },
      };
    }
    case "accept": {
      if (!rules.mayAccept(state, ballot))
        return { state, answer: rejection(ballot, state.promised ?? ballot) };
      return {
        state: { promised: ballot, accepted: { ballot, value: request.value } },
        answer: { kind: "accepted", ballot, electorate },
      };
    }
    default:
      return request satisfies never;
  }
}

function rejection(ballot: Ballot, promised: Ballot): Answer {
  return { kind: "reject", ballot, promised };
}

/** One ballot, as its proposer sees it: who promised, what must be kept, who accepted. */
export class Proposal {
  readonly ballot: Ballot;
  readonly #rules: FormationRules;
  readonly #promises = new Map<NodeId, Accepted | undefined>();
  readonly #accepts = new Set<NodeId>();
  #electorate: number;
  #value: Uint8Array | undefined;

  constructor(options: { ballot: Ballot; electorate: number; rules: FormationRules }) {
    this.ballot = options.ballot;
    this.#electorate = options.electorate;
    this.#rules = options.rules;
  }

  /** The value under vote; undefined while promises are gathered. */
  get value(): Uint8Array | undefined {
    return this.#value;
  }

  get hasPromises(): boolean {
    return this.#promises.size >= this.#rules.quorum(this.#electorate);
  }

  get isDecided(): boolean {
    return this.#value !== undefined && this.#accepts.size >= this.#rules.quorum(this.#electorate);
  }

  get promisers(): readonly NodeId[] {
    return [...this.#promises.keys()];
  }

  /** The value that this ballot must propose, if those who promised leave it no choice. */
  get valueToKeep(): Uint8Array | undefined {
    return this.#rules.valueToKeep([...this.#promises.values()].filter((accepted) => accepted !== undefined))
      ?.value;
  }

  /** Whether `nodeId` answered the request that is out now. */
  isAnsweredBy(nodeId: NodeId): boolean {
    return this.#value === undefined ? this.#promises.has(nodeId) : this.#accepts.has(nodeId);
  }

  count(from: NodeId, answer: Extract<Answer, { kind: "promise" | "accepted" }>): void {
    // More machines than were known widen the electorate, and so the quorum, of both phases.
    this.#electorate = Math.max(this.#electorate, answer.electorate);
    if (answer.kind === "accepted") this.#accepts.add(from);
    else if (this.#value === undefined) this.#promises.set(from, answer.accepted);
  }

  /** From now on the ballot is for `value`. */
  put(value: Uint8Array): void {
    this.#value = value;
  }

  /** What is to be asked of those who have not answered. */
  request(isCompletion: boolean): Request {
    return this.#value === undefined
      ? { kind: "prepare", ballot: this.ballot, isCompletion }
      : { kind: "accept", ballot: this.ballot, value: this.#value };
  }
}

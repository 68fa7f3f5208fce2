import { compareText } from "@cluster-os/std";
import type { Accepted, AcceptorState, Ballot } from "./ballot-message.ts";

/**
 * The few decisions that safety rests on, in one place. Production uses {@link SAFE_RULES}; the simulator replaces one
 * at a time to show that breaking it is noticed.
 */
export interface FormationRules {
  /** How many of `electorate` machines must answer: any two such sets share a machine. */
  readonly quorum: (electorate: number) => number;
  /** Whether an acceptor may promise this ballot. */
  readonly mayPromise: (state: AcceptorState, ballot: Ballot) => boolean;
  /** Whether an acceptor may accept a value under this ballot. */
  readonly mayAccept: (state: AcceptorState, ballot: Ballot) => boolean;
  /** What a proposer must propose, given what those who promised had accepted; undefined leaves it free. */
  readonly valueToKeep: (accepted: readonly Accepted[]) => Accepted | undefined;
  /** Whether a server that joined Kubernetes under `joined` may vote for a later epoch. */
  readonly mayVote: (vote: { readonly epoch: number; readonly joined: number | undefined }) => boolean;
  /** Whether a server that voted for epoch `voted` may still count as having joined `epoch`. */
  readonly mayJoin: (join: { readonly epoch: number; readonly voted: number }) => boolean;
}

export const SAFE_RULES: FormationRules = {
  quorum: (electorate) => Math.floor(electorate / 2) + 1,
  mayPromise: ({ promised }, ballot) => !promised || compareBallots(ballot, promised) >= 0,
  mayAccept: ({ promised }, ballot) => !promised || compareBallots(ballot, promised) >= 0,
  valueToKeep: (accepted) =>
    accepted.reduce<Accepted | undefined>(
      (best, next) => (!best || compareBallots(next.ballot, best.ballot) > 0 ? next : best),
      undefined,
    ),
  mayVote: ({ epoch, joined }) => joined === undefined || joined >= epoch,
  mayJoin: ({ epoch, voted }) => voted <= epoch,
};

export function compareBallots(left: Ballot, right: Ballot): number {
  return left.round - right.round || compareText(left.proposer, right.proposer);
}

import { expect } from "chai";
import fc from "fast-check";
import { nodeIdOf, type NodeId } from "@cluster-os/identity";
import { answerRequest, Proposal, type Answer, type Request } from "../src/ballot.ts";
import type { AcceptorState } from "../src/ballot-message.ts";
import { SAFE_RULES } from "../src/rules.ts";

const node = (number: number): NodeId => nodeIdOf(new Uint8Array(32).fill(number));
const ballot = (round: number, proposer = 1) => ({ round, proposer: node(proposer) });
const ask = (state: AcceptorState, request: Request) => answerRequest(state, request, 3, SAFE_RULES);
const prepare = (round: number, proposer = 1): Request => ({
  kind: "prepare",
  ballot: ballot(round, proposer),
  isCompletion: false,
});
const accept = (round: number, value: number, proposer = 1): Request => ({
  kind: "accept",
  ballot: ballot(round, proposer),
  value: Uint8Array.of(value),
});

describe("acceptor", () => {
  it("promises a higher ballot, and the same one again", () => {
    const { state } = ask({}, prepare(1));
    expect(ask(state, prepare(1)).answer.kind).to.equal("promise");
    expect(ask(state, prepare(2)).answer.kind).to.equal("promise");
  });

  it("rejects a lower one and says which it promised", () => {
    const { state } = ask({}, prepare(2));
    expect(ask(state, prepare(1)).answer).to.deep.equal({
      kind: "reject",
      ballot: ballot(1),
      promised: ballot(2),
    });
    expect(ask(state, accept(1, 7)).answer.kind).to.equal("reject");
  });

  it("orders equal rounds by proposer", () => {
    const { state } = ask({}, prepare(1, 2));
    expect(ask(state, prepare(1, 1)).answer.kind).to.equal("reject");
    expect(ask(state, prepare(1, 3)).answer.kind).to.equal("promise");
  });

  it("tells what it accepted to whom it promises next", () => {
    const { state } = ask({}, accept(1, 7));
    const { answer } = ask(state, prepare(2));
    expect(answer).to.deep.include({
      kind: "promise",
      accepted: { ballot: ballot(1), value: Uint8Array.of(7) },
    });
  });
});

describe("proposal", () => {
  it("needs a majority of the largest electorate that anyone reports", () => {
    const proposal = new Proposal({ ballot: ballot(1), electorate: 3, rules: SAFE_RULES });
    proposal.count(node(1), { kind: "promise", ballot: ballot(1), electorate: 3 });
    proposal.count(node(1), { kind: "promise", ballot: ballot(1), electorate: 3 });
    expect(proposal.hasPromises).to.equal(false);
    proposal.count(node(2), { kind: "promise", ballot: ballot(1), electorate: 5 });
    expect(proposal.hasPromises).to.equal(false);
    proposal.count(node(3), { kind: "promise", ballot: ballot(1), electorate: 3 });
    expect(proposal.hasPromises).to.equal(true);
  });

  it("must keep the value of the highest ballot that was accepted", () => {
    const proposal = new Proposal({ ballot: ballot(9), electorate: 3, rules: SAFE_RULES });
    const promise = (round: number, value: number): Extract<Answer, { kind: "promise" }> => ({
      kind: "promise",
      ballot: ballot(9),
      electorate: 3,
      accepted: { ballot: ballot(round), value: Uint8Array.of(value) },
    });
    proposal.count(node(1), promise(2, 20));
    proposal.count(node(2), promise(3, 30));
    expect(proposal.valueToKeep).to.deep.equal(Uint8Array.of(30));
  });
});

describe("single-decree Paxos", () => {
  /*
   * A few proposers and acceptors whose requests and answers arrive in any order, any number of times or never; acceptors restart at
   * will (their state is on disk, so a restart changes nothing). Whatever happens, one value at most is decided.
   */
  const COUNT = 5;
  const event = fc.record({ proposer: fc.nat(2), acceptor: fc.nat(COUNT - 1), isFresh: fc.boolean() });

  it("decides one value at most, whatever is lost, doubled or late", () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 120 }), (events) => {
        const acceptors: AcceptorState[] = Array.from({ length: COUNT }, () => ({}));
        const proposals = new Map<number, Proposal>();
        const decided = new Set<number>();
        let round = 0;
        for (const { proposer, acceptor, isFresh } of events) {
          let proposal = proposals.get(proposer);
          if (!proposal || (isFresh && acceptor === 0)) {
            round += 1;
            proposal = new Proposal({
              ballot: ballot(round, proposer + 1),
              electorate: COUNT,
              rules: SAFE_RULES,
            });
            proposals.set(proposer, proposal);
          }
          const { state, answer } = answerRequest(
            acceptors[acceptor]!,
            proposal.request(false),
            COUNT,
            SAFE_RULES,
          );
          acceptors[acceptor] = state;
          if (answer.kind !== "reject") proposal.count(node(acceptor + 1), answer);
          if (proposal.value === undefined && proposal.hasPromises) {
            proposal.put(proposal.valueToKeep ?? Uint8Array.of(round));
          }
          if (proposal.isDecided) decided.add(proposal.value![0]!);
        }
        expect(decided.size).to.be.at.most(1);
      }),
      { numRuns: 400 },
    );
  });
});

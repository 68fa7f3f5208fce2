import { expect } from "chai";
import fc from "fast-check";
import { RecordError } from "@cluster-os/identity";
import { Roster, signAdmission, signRevocation } from "../src/index.ts";
import { alice, authority, bob, carol, genesisOf, testNode } from "./support.ts";

const genesis = genesisOf();
const { clusterId } = genesis;
const dave = testNode(4);
const admit = (node: { identity: { nodeId: typeof alice.identity.nodeId } }, index: number, admittedAt = 5) =>
  signAdmission({ clusterId, nodeId: node.identity.nodeId, index, admittedAt }, authority);
const KEY = "0123456789abcdef";
const OTHER_KEY = "fedcba9876543210";
const revoke = (node: typeof alice, revokedAt = 9, retiredJoinKeys: string[] = []) =>
  signRevocation({ clusterId, nodeId: node.identity.nodeId, revokedAt, retiredJoinKeys }, authority);

/** Whichever of the two it is. */
function learn(roster: Roster, bytes: Uint8Array): void {
  try {
    roster.learnAdmission(bytes);
  } catch {
    roster.learnRevocation(bytes);
  }
}

describe("roster", () => {
  it("begins with the founders", () => {
    const roster = new Roster(genesis);
    expect(roster.entries()).to.deep.equal([
      { nodeId: alice.identity.nodeId, index: 1, isFounder: true },
      { nodeId: bob.identity.nodeId, index: 2, isFounder: true },
    ]);
    expect(roster.isAdmitted(carol.identity.nodeId)).to.equal(false);
  });

  it("learns a record once", () => {
    const roster = new Roster(genesis);
    const record = admit(carol, 3);
    expect(roster.learnAdmission(record)).to.equal(true);
    expect(roster.learnAdmission(record)).to.equal(false);
    expect(roster.indexOf(carol.identity.nodeId)).to.equal(3);
    expect(roster.nodeAt(3)).to.equal(carol.identity.nodeId);
    expect(roster.admissionOf(carol.identity.nodeId)).to.deep.equal(record);
    expect(roster.admissionOf(alice.identity.nodeId)).to.equal(undefined);
  });

  it("refuses a second node for an index, and a second index for a node", () => {
    const roster = new Roster(genesis);
    roster.learnAdmission(admit(carol, 3, 5));
    roster.learnAdmission(admit(dave, 3, 6));
    roster.learnAdmission(admit(carol, 7, 6));
    roster.learnAdmission(admit(dave, 1, 6));
    expect(roster.isAdmitted(dave.identity.nodeId)).to.equal(false);
    expect(roster.indexOf(carol.identity.nodeId)).to.equal(3);
    expect(roster.conflicts()).to.have.length(3);
  });

  it("drops a revoked node for ever, and its index may be given again", () => {
    const roster = new Roster(genesis);
    roster.learnAdmission(admit(carol, 3));
    expect(roster.learnRevocation(revoke(carol))).to.equal(true);
    expect(roster.learnRevocation(revoke(carol))).to.equal(false);
    roster.learnAdmission(admit(carol, 8, 100));
    roster.learnAdmission(admit(dave, 3, 100));
    expect(roster.isAdmitted(carol.identity.nodeId)).to.equal(false);
    expect(roster.isRevoked(carol.identity.nodeId)).to.equal(true);
    expect(roster.indexOf(dave.identity.nodeId)).to.equal(3);
    roster.learnRevocation(revoke(alice));
    expect(roster.isAdmitted(alice.identity.nodeId)).to.equal(false);
  });

  const orders = [
    { name: "before its admission", steps: [revoke(carol), admit(carol, 3)] },
    { name: "after its admission", steps: [admit(carol, 3), revoke(carol)] },
    { name: "and admitted anew", steps: [admit(carol, 3), revoke(carol), admit(carol, 4, 50)] },
    { name: "never admitted", steps: [revoke(carol)] },
    { name: "twice, with different words", steps: [revoke(carol, 9), revoke(carol, 10), admit(carol, 3)] },
  ];
  for (const { name, steps } of orders) {
    it(`a revocation wins: of a node revoked ${name}`, () => {
      const roster = new Roster(genesis);
      for (const bytes of steps) learn(roster, bytes);
      expect(roster.isAdmitted(carol.identity.nodeId)).to.equal(false);
      expect(roster.isRevoked(carol.identity.nodeId)).to.equal(true);
      expect(roster.entries().map(({ index }) => index)).to.deep.equal([1, 2]);
    });
  }

  it("knows the join keys that revoked nodes knew", () => {
    const roster = new Roster(genesis);
    expect(roster.isRetired(KEY)).to.equal(false);
    roster.learnRevocation(revoke(carol, 9, [KEY]));
    roster.learnRevocation(revoke(dave, 9, [KEY, OTHER_KEY]));
    expect(roster.isRetired(KEY)).to.equal(true);
    expect(roster.isRetired(OTHER_KEY)).to.equal(true);
    expect(roster.isRetired("0".repeat(16))).to.equal(false);
    expect(roster.revoked().map(({ nodeId }) => nodeId)).to.have.members([
      carol.identity.nodeId,
      dave.identity.nodeId,
    ]);
  });

  it("believes nobody but the authority", () => {
    const forged = signAdmission(
      { clusterId, nodeId: carol.identity.nodeId, index: 3, admittedAt: 5 },
      alice.identity,
    );
    expect(() => new Roster(genesis).learnAdmission(forged)).to.throw(RecordError);
  });

  it("is the same whatever order records come in and however often", () => {
    const nodes = [carol, dave, testNode(5), testNode(6)];
    const statement = fc.oneof(
      fc.record({
        kind: fc.constant("admit" as const),
        node: fc.nat(3),
        index: fc.integer({ min: 1, max: 5 }),
        at: fc.nat(3),
      }),
      fc.record({
        kind: fc.constant("revoke" as const),
        node: fc.nat(3),
        index: fc.constant(0),
        at: fc.nat(2),
      }),
    );
    const apply = (
      roster: Roster,
      { kind, node, index, at }: { kind: string; node: number; index: number; at: number },
    ) => {
      const subject = nodes[node] as typeof carol;
      return kind === "admit"
        ? roster.learnAdmission(admit(subject, index, at))
        : roster.learnRevocation(revoke(subject, at, at === 0 ? [] : [KEY]));
    };
    fc.assert(
      fc.property(
        fc
          .array(statement, { maxLength: 8 })
          .chain((all) =>
            fc.tuple(
              fc.constant(all),
              fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2, maxLength: all.length * 2 }),
            ),
          ),
        ([straight, shuffled]) => {
          const one = new Roster(genesis);
          const other = new Roster(genesis);
          for (const step of straight) apply(one, step);
          for (const step of shuffled) apply(other, step);
          expect(other.entries()).to.deep.equal(one.entries());
          expect(other.conflicts()).to.deep.equal(one.conflicts());
          const gone = nodes.map(({ identity }) => one.revocationOf(identity.nodeId));
          expect(nodes.map(({ identity }) => other.revocationOf(identity.nodeId))).to.deep.equal(gone);
          expect(other.isRetired(KEY)).to.equal(one.isRetired(KEY));
          for (const { kind, node } of straight) {
            if (kind === "revoke") expect(one.isAdmitted(nodes[node]!.identity.nodeId)).to.equal(false);
          }
          expect(new Set(one.entries().map(({ index }) => index)).size).to.equal(one.entries().length);
          const again = new Roster(genesis);
          const { admissions, revocations } = other.records();
          for (const bytes of admissions) again.learnAdmission(bytes);
          for (const bytes of revocations) again.learnRevocation(bytes);
          expect(again.entries()).to.deep.equal(one.entries());
        },
      ),
      { numRuns: 60 },
    );
  });
});

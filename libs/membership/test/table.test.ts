import { expect } from "chai";
import { defaultMembershipConfig } from "../src/index.ts";
import { signAlive, type Statement } from "../src/records.ts";
import { firstIncarnation } from "../src/self.ts";
import { suspicionTimes } from "../src/suspicion.ts";
import { MemberTable } from "../src/table.ts";
import { descriptionNumber, identityNumber } from "./mini-network.ts";

const NODE = identityNumber(1);
const ACCUSER = identityNumber(2).nodeId;
const LINK_LOCAL = "[fe80::1%eth0]:8686";
const V4 = "10.0.0.1:8686";

const alive = (boot: number, count = 0): Statement =>
  signAlive(NODE, firstIncarnation(boot) + count, descriptionNumber(1));
const incarnation = firstIncarnation(1);

/** What happens to the address of a node that was heard of first by hearsay. */
describe("the address of a member", () => {
  const table: { name: string; events: ((members: MemberTable) => void)[]; expected: string }[] = [
    { name: "is hearsay at first", events: [], expected: "10.9.9.9:1" },
    {
      name: "is where it was heard itself, rather than hearsay",
      events: [
        (members) => members.hear(NODE.nodeId, V4, 0),
        (members) => members.learn(alive(1, 1), "10.8.8.8:1"),
      ],
      expected: V4,
    },
    {
      name: "becomes the better of two at which it is heard",
      events: [
        (members) => members.hear(NODE.nodeId, V4, 0),
        (members) => members.hear(NODE.nodeId, LINK_LOCAL, 1),
      ],
      expected: LINK_LOCAL,
    },
    {
      name: "does not change back and forth between two",
      events: [
        (members) => members.hear(NODE.nodeId, LINK_LOCAL, 0),
        (members) => members.hear(NODE.nodeId, V4, 1),
        (members) => members.hear(NODE.nodeId, LINK_LOCAL, 2),
        (members) => members.hear(NODE.nodeId, V4, 50_000),
      ],
      expected: LINK_LOCAL,
    },
    {
      name: "changes to the worse one when the better is silent for long",
      events: [
        (members) => members.hear(NODE.nodeId, LINK_LOCAL, 0),
        (members) => members.hear(NODE.nodeId, V4, 60_000),
      ],
      expected: V4,
    },
    {
      name: "changes at once when the node is suspect",
      events: [
        (members) => members.hear(NODE.nodeId, LINK_LOCAL, 0),
        (members) =>
          members.accuse({ kind: "suspect", nodeId: NODE.nodeId, incarnation, accuser: ACCUSER }, 1),
        (members) => members.hear(NODE.nodeId, V4, 2),
      ],
      expected: V4,
    },
    {
      name: "is hearsay again when the failed come back",
      events: [
        (members) => members.hear(NODE.nodeId, V4, 0),
        (members) =>
          members.accuse({ kind: "failed", nodeId: NODE.nodeId, incarnation, accuser: ACCUSER }, 1),
        (members) =>
          members.accuse({ kind: "failed", nodeId: NODE.nodeId, incarnation, accuser: ACCUSER }, 60_000),
        (members) => members.learn(alive(1, 1), "10.8.8.8:1"),
      ],
      expected: "10.8.8.8:1",
    },
    {
      name: "is hearsay again when the node was started anew",
      events: [
        (members) => members.hear(NODE.nodeId, V4, 0),
        (members) => members.learn(alive(2), "10.8.8.8:1"),
      ],
      expected: "10.8.8.8:1",
    },
  ];
  for (const { name, events, expected } of table) {
    it(name, () => {
      const members = new MemberTable(defaultMembershipConfig);
      members.learn(alive(1), "10.9.9.9:1");
      for (const event of events) event(members);
      expect(members.get(NODE.nodeId)?.address).to.equal(expected);
    });
  }
});

describe("the table of members", () => {
  it("says what changed, and nothing where nothing did", () => {
    const members = new MemberTable(defaultMembershipConfig);
    expect(members.learn(alive(1), V4)).to.deep.equal({ previous: undefined });
    expect(members.learn(alive(1), V4)).to.equal(undefined);
    const accusation = { nodeId: NODE.nodeId, incarnation, accuser: ACCUSER };
    expect(members.accuse({ ...accusation, kind: "suspect" }, 0)).to.deep.equal({ previous: "alive" });
    expect(members.accuse({ ...accusation, kind: "suspect" }, 0)).to.equal(undefined);
    expect(members.accuse({ ...accusation, kind: "failed" }, 0), "it has its time").to.equal(undefined);
    const failed = { ...accusation, kind: "failed" } as const;
    expect(members.accuse(failed, members.wakeAt * 10)).to.deep.equal({ previous: "suspect" });
    expect(members.learn(alive(1, 1), V4)).to.deep.equal({ previous: "failed" });
  });

  it("convicts when a suspicion is over, and not once it was answered", () => {
    const members = new MemberTable(defaultMembershipConfig);
    members.learn(alive(1), V4);
    members.accuse({ kind: "suspect", nodeId: NODE.nodeId, incarnation, accuser: ACCUSER }, 0);
    const { shortestMs: endsAt } = suspicionTimes(defaultMembershipConfig, members.liveCount);
    expect(members.convicted(endsAt - 1)).to.have.length(0);
    expect(members.convicted(endsAt)).to.have.length(1);
    expect(members.suspectsOf(ACCUSER)).to.have.length(1);
    members.learn(alive(1, 1), V4);
    expect(members.convicted(endsAt)).to.have.length(0);
    expect(members.wakeAt).to.equal(Infinity);
  });

  it("forgets who is a member no longer", () => {
    const members = new MemberTable(defaultMembershipConfig);
    members.learn(alive(1), V4);
    expect(members.forget(() => true)).to.deep.equal([]);
    expect(members.forget(() => false)).to.deep.equal([NODE.nodeId]);
    expect(members.members()).to.deep.equal([]);
    expect(members.liveCount).to.equal(1);
  });
});

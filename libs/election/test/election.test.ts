import { expect } from "chai";
import fc from "fast-check";
import { nodeIdOf, type NodeId } from "@cluster-os/identity";
import { electServers, voterCount, type ElectionMember } from "../src/index.ts";

const node = (number: number): NodeId => nodeIdOf(new Uint8Array(32).fill(number));
const numberOf = (nodeId: NodeId): number => Number.parseInt(nodeId.slice(-2), 16);

interface Case {
  readonly name: string;
  /** Live members' numbers. */
  readonly live: readonly number[];
  readonly dead?: readonly number[];
  readonly current: readonly number[];
  readonly servers: readonly number[];
}

const cases: readonly Case[] = [
  { name: "nobody", live: [], current: [], servers: [] },
  { name: "one machine serves alone", live: [1], current: [], servers: [1] },
  { name: "of two founders one serves", live: [2, 1], current: [], servers: [1] },
  { name: "three founders all serve", live: [3, 1, 2], current: [], servers: [1, 2, 3] },
  {
    name: "of six founders three serve",
    live: [6, 5, 4, 3, 2, 1],
    current: [],
    servers: [1, 2, 3],
  },
  {
    name: "of seven founders five serve",
    live: [7, 6, 5, 4, 3, 2, 1],
    current: [],
    servers: [1, 2, 3, 4, 5],
  },
  { name: "a server stays though a lower ID came", live: [1, 9], current: [9], servers: [9] },
  { name: "a third machine makes three", live: [1, 8, 9], current: [9], servers: [1, 8, 9] },
  {
    name: "never two for long: a lone candidate of a dead third waits",
    live: [1, 2],
    dead: [3],
    current: [1],
    servers: [1],
  },
  {
    name: "a dead server stays listed without a candidate",
    live: [1, 2],
    dead: [3],
    current: [1, 2, 3],
    servers: [1, 2, 3],
  },
  {
    name: "a dead server is removed when a candidate is there",
    live: [1, 2, 4],
    dead: [3],
    current: [1, 2, 3],
    servers: [1, 2, 4],
  },
  {
    name: "an ex-server that returns is a worker",
    live: [1, 2, 3, 4],
    current: [1, 2, 4],
    servers: [1, 2, 4],
  },
  {
    name: "no majority, no change",
    live: [1, 4, 5],
    dead: [2, 3],
    current: [1, 2, 3],
    servers: [1, 4, 5],
  },
  {
    name: "two dead of five and one candidate: three live ones serve",
    live: [1, 2, 3, 6, 7],
    dead: [4, 5],
    current: [1, 2, 3, 4, 5],
    servers: [1, 2, 3, 6, 7],
  },
  {
    name: "a shrunken cluster retires servers, the dead first",
    live: [1, 2, 4, 5],
    dead: [3],
    current: [1, 2, 3, 4, 5],
    servers: [1, 2, 4],
  },
  {
    name: "a removed node serves no more",
    live: [1, 2, 4],
    current: [1, 2, 3],
    servers: [1, 2, 4],
  },
  {
    name: "stuck half-way with two it stays so",
    live: [1, 2],
    dead: [3],
    current: [1, 2],
    servers: [1, 2],
  },
];

describe("election", () => {
  it("wants 1, 3 or 5 by size", () => {
    expect([0, 1, 2, 3, 4, 6, 7, 50].map(voterCount)).to.deep.equal([1, 1, 1, 3, 3, 3, 5, 5]);
  });

  for (const { name, live, dead = [], current, servers } of cases) {
    it(name, () => {
      const members: ElectionMember[] = [
        ...live.map((number) => ({ nodeId: node(number), isAlive: true })),
        ...dead.map((number) => ({ nodeId: node(number), isAlive: false })),
      ];
      const request = { members, current: current.map(node) };
      expect(electServers(request).servers.map(numberOf)).to.deep.equal(servers);
    });
  }

  const view = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }).chain((numbers) =>
    fc.record({
      members: fc
        .constant(numbers)
        .chain((all) =>
          fc.tuple(
            ...all.map((number) => fc.boolean().map((isAlive) => ({ nodeId: node(number), isAlive }))),
          ),
        ),
      current: fc.subarray(numbers, { maxLength: Math.min(5, numbers.length) }).map((some) => some.map(node)),
    }),
  );

  it("is the same for every order of members and servers", () => {
    fc.assert(
      fc.property(view, fc.nat(), ({ members, current }, turn) => {
        const rotate = <T>(list: readonly T[]): T[] =>
          list.map((_, at) => list[(at + turn) % list.length] as T).reverse();
        const straight = electServers({ members, current });
        expect(electServers({ members: rotate(members), current: rotate(current) })).to.deep.equal(straight);
      }),
    );
  });

  it("is sticky: no live server goes while there are not too many", () => {
    fc.assert(
      fc.property(view, ({ members, current }) => {
        const { servers, wanted } = electServers({ members, current });
        const live = current.filter((nodeId) =>
          members.some((member) => member.nodeId === nodeId && member.isAlive),
        );
        if (live.length <= wanted) expect(servers).to.include.members(live);
        expect(servers.length).to.be.at.most(Math.max(wanted, 0));
      }),
    );
  });

  it("settles: its own answer is left as it is", () => {
    fc.assert(
      fc.property(view, ({ members, current }) => {
        const once = electServers({ members, current });
        expect(electServers({ members, current: once.servers }).changes).to.deep.equal([]);
      }),
    );
  });
});

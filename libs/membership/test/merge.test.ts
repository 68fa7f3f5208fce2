import { expect } from "chai";
import fc from "fast-check";
import {
  mergeAccusation,
  mergeStatement,
  saysMore,
  statusOf,
  type AccusationKind,
  type Standing,
} from "../src/merge.ts";
import type { MemberStatus } from "../src/member.ts";
import { signAlive, signLeft, type Statement } from "../src/records.ts";
import { descriptionNumber, identityNumber } from "./mini-network.ts";

const NODE = identityNumber(1);

function alive(incarnation: number, variant = 1): Statement {
  return signAlive(NODE, incarnation, descriptionNumber(variant));
}

function left(incarnation: number): Statement {
  return signLeft(NODE, incarnation);
}

function standing(statement: Statement, accusation?: AccusationKind): Standing {
  return { statement, accusation };
}

describe("merging what a node says of itself", () => {
  const table: {
    name: string;
    held: Standing | undefined;
    heard: Statement;
    expected: MemberStatus | "nothing";
  }[] = [
    { name: "takes what it did not know", held: undefined, heard: alive(1), expected: "alive" },
    {
      name: "takes a node that had left before it was known",
      held: undefined,
      heard: left(1),
      expected: "left",
    },
    { name: "ignores what it holds", held: standing(alive(1)), heard: alive(1), expected: "nothing" },
    { name: "ignores what is older", held: standing(alive(2)), heard: alive(1), expected: "nothing" },
    { name: "takes what is newer", held: standing(alive(1)), heard: alive(2), expected: "alive" },
    {
      name: "drops an accusation with the answer",
      held: standing(alive(1), "suspect"),
      heard: alive(2),
      expected: "alive",
    },
    {
      name: "brings the failed back with the answer",
      held: standing(alive(1), "failed"),
      heard: alive(2),
      expected: "alive",
    },
    {
      name: "does not take the same again for an answer",
      held: standing(alive(1), "failed"),
      heard: alive(1),
      expected: "nothing",
    },
    { name: "takes leaving over being", held: standing(alive(1)), heard: left(1), expected: "left" },
    {
      name: "takes leaving over having failed",
      held: standing(alive(1), "failed"),
      heard: left(1),
      expected: "left",
    },
    {
      name: "ignores having left an earlier life",
      held: standing(alive(2)),
      heard: left(1),
      expected: "nothing",
    },
    {
      name: "brings back who had left, in a new life",
      held: standing(left(1)),
      heard: alive(2),
      expected: "alive",
    },
    {
      name: "does not bring back who has left",
      held: standing(left(1)),
      heard: alive(1),
      expected: "nothing",
    },
  ];
  for (const { name, held, heard, expected } of table) {
    it(name, () => {
      const merged = mergeStatement(held, heard);
      expect(merged ? statusOf(merged) : "nothing").to.equal(expected);
    });
  }

  it("keeps the accusation when two statements of one incarnation differ", () => {
    const [low, high] = [alive(1, 1), alive(1, 2)].sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    const merged = mergeStatement(standing(low!, "suspect"), high!);
    expect(merged).to.deep.equal(standing(high!, "suspect"));
  });
});

describe("merging what others say of a node", () => {
  const table: {
    name: string;
    held: Standing | undefined;
    kind: AccusationKind;
    incarnation: number;
    expected: MemberStatus | "nothing";
  }[] = [
    { name: "ignores an unknown node", held: undefined, kind: "failed", incarnation: 1, expected: "nothing" },
    {
      name: "suspects the living",
      held: standing(alive(1)),
      kind: "suspect",
      incarnation: 1,
      expected: "suspect",
    },
    {
      name: "fails the living",
      held: standing(alive(1)),
      kind: "failed",
      incarnation: 1,
      expected: "failed",
    },
    {
      name: "fails the suspect",
      held: standing(alive(1), "suspect"),
      kind: "failed",
      incarnation: 1,
      expected: "failed",
    },
    {
      name: "does not suspect the failed",
      held: standing(alive(1), "failed"),
      kind: "suspect",
      incarnation: 1,
      expected: "nothing",
    },
    {
      name: "does not suspect twice",
      held: standing(alive(1), "suspect"),
      kind: "suspect",
      incarnation: 1,
      expected: "nothing",
    },
    {
      name: "ignores what was answered",
      held: standing(alive(2)),
      kind: "failed",
      incarnation: 1,
      expected: "nothing",
    },
    {
      name: "ignores an incarnation that nobody showed",
      held: standing(alive(1)),
      kind: "failed",
      incarnation: 2,
      expected: "nothing",
    },
    {
      name: "leaves those who left alone",
      held: standing(left(1)),
      kind: "failed",
      incarnation: 1,
      expected: "nothing",
    },
  ];
  for (const { name, held, kind, incarnation, expected } of table) {
    it(name, () => {
      const merged = mergeAccusation(held, { kind, incarnation });
      expect(merged ? statusOf(merged) : "nothing").to.equal(expected);
    });
  }
});

describe("merging in any order", () => {
  const statements = [1, 2, 3].flatMap((incarnation) => [
    alive(incarnation, 1),
    alive(incarnation, 2),
    left(incarnation),
  ]);
  const accusations = [1, 2, 3].flatMap((incarnation) =>
    (["suspect", "failed"] as const).map((kind) => ({ kind, incarnation })),
  );

  function mergeAll(
    start: Standing | undefined,
    heard: readonly (Statement | { kind: AccusationKind; incarnation: number })[],
  ): Standing | undefined {
    return heard.reduce<Standing | undefined>(
      (held, one) => ("bytes" in one ? mergeStatement(held, one) : mergeAccusation(held, one)) ?? held,
      start,
    );
  }

  it("gives the same for statements", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(statements, { minLength: 1 }), fc.nat(), (heard, turn) => {
        const other = [...heard.slice(turn % heard.length), ...heard.slice(0, turn % heard.length)].reverse();
        expect(mergeAll(undefined, heard)).to.deep.equal(mergeAll(undefined, other));
      }),
    );
  });

  it("gives the same once all was heard twice, accusations too", () => {
    const all = [...statements.filter(({ kind }) => kind === "alive"), ...accusations];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 1 }), (heard) => {
        const other = [...heard].reverse();
        const first = mergeAll(undefined, [...heard, ...heard]);
        expect(first).to.deep.equal(mergeAll(undefined, [...other, ...other]));
        expect(mergeAll(first, heard), "hearing it again changes nothing").to.deep.equal(first);
      }),
    );
  });

  it("never goes back", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...statements, ...accusations]), (heard) => {
        let held: Standing | undefined;
        for (const one of heard) {
          const merged = mergeAll(held, [one]);
          const before = held && { incarnation: held.statement.incarnation, status: statusOf(held) };
          const after = merged && { incarnation: merged.statement.incarnation, status: statusOf(merged) };
          if (before && after) expect(saysMore(before, after)).to.equal(false);
          held = merged;
        }
      }),
    );
  });
});

import { expect } from "chai";
import { newest, nextReplicas, type Choice, type ReplicaReport, type SetChange } from "../src/index.ts";

const SET = ["a", "b", "c"];

function report(
  replica: string,
  at?: readonly [number, number],
  lost?: readonly [number, number],
): ReplicaReport {
  return {
    replica,
    promised: at?.[0] ?? 0,
    ...(at ? { position: { epoch: at[0], sequence: at[1] }, replicas: SET } : {}),
    ...(lost ? { lost: { epoch: lost[0], sequence: lost[1] } } : {}),
  };
}

function short(choice: Choice): string {
  if (choice.kind === "waiting") return choice.reason;
  if (choice.kind === "empty") return "empty";
  return `${choice.position.epoch}/${choice.position.sequence} of ${choice.holders.join(" ")}`;
}

describe("newest", () => {
  const table: { name: string; reports: readonly ReplicaReport[]; expected: string }[] = [
    { name: "all the same", reports: SET.map((id) => report(id, [1, 4])), expected: "1/4 of a b c" },
    {
      name: "the epoch counts first",
      reports: [report("a", [1, 9]), report("b", [2, 3])],
      expected: "2/3 of b",
    },
    { name: "then the sequence", reports: [report("a", [2, 9]), report("b", [2, 3])], expected: "2/9 of a" },
    {
      name: "one of three is not enough",
      reports: [report("a", [2, 9])],
      expected: "1 of 3 replicas can answer, 2 are needed; no answer from b, c",
    },
    {
      name: "strangers do not count",
      reports: [report("a", [2, 9]), report("x")],
      expected: "1 of 3 replicas can answer, 2 are needed; no answer from b, c",
    },
    { name: "a majority without anything", reports: [report("a"), report("b")], expected: "empty" },
    { name: "something beats nothing", reports: [report("a"), report("b", [1, 1])], expected: "1/1 of b" },
    {
      name: "who lost something newer does not count",
      reports: [report("a", [1, 3], [1, 4]), report("b", [1, 3])],
      expected: "1 of 3 replicas can answer, 2 are needed; no answer from c; a has lost its snapshot 1/4",
    },
    {
      name: "who lost what another one has does count",
      reports: [report("a", [1, 3], [1, 4]), report("b", [1, 4])],
      expected: "1/4 of b",
    },
    {
      name: "two that are whole do without a damaged third",
      reports: [report("a", [1, 3], [1, 4]), report("b", [1, 3]), report("c", [1, 3])],
      expected: "1/3 of a b c",
    },
  ];
  for (const { name, reports, expected } of table) {
    it(name, () => {
      expect(short(newest(reports, SET))).to.equal(expected);
    });
  }

  it("asks a majority of the set that the newest snapshot names, not of the one that is remembered", () => {
    const grown = { ...report("a", [1, 3]), replicas: ["a", "d", "e"] };
    expect(short(newest([grown, report("b", [1, 2]), report("c", [1, 2])], SET))).to.contain(
      "no answer from d, e",
    );
    expect(short(newest([grown, report("d")], SET))).to.equal("1/3 of a");
  });
});

describe("the next replica set", () => {
  const table: (SetChange & { name: string; expected: readonly string[] | undefined })[] = [
    { name: "nothing to do", now: SET, wish: SET, leader: "a", current: SET, expected: undefined },
    {
      name: "in once it has everything",
      now: SET,
      wish: [...SET, "d"],
      leader: "a",
      current: ["a", "b", "d"],
      expected: [...SET, "d"],
    },
    { name: "not before", now: SET, wish: [...SET, "d"], leader: "a", current: SET, expected: undefined },
    {
      name: "out when the other is in",
      now: [...SET, "d"],
      wish: ["a", "b", "d"],
      leader: "a",
      current: ["a", "b", "d"],
      expected: ["a", "b", "d"],
    },
    {
      name: "who is replaced stays until then",
      now: SET,
      wish: ["a", "b", "d"],
      leader: "a",
      current: SET,
      expected: undefined,
    },
    {
      name: "who is behind goes first",
      now: ["a", "b", "c", "d", "e"],
      wish: ["a", "b", "c"],
      leader: "a",
      current: ["a", "b", "c", "d"],
      expected: ["a", "b", "c", "d"],
    },
    {
      name: "nobody goes who is needed for a majority",
      now: SET,
      wish: ["a", "c"],
      leader: "a",
      current: ["a", "b"],
      expected: undefined,
    },
    {
      name: "the leader does not go",
      now: SET,
      wish: ["b", "c"],
      leader: "a",
      current: SET,
      expected: undefined,
    },
    {
      name: "a lost one out of two may go",
      now: ["a", "b"],
      wish: ["a"],
      leader: "a",
      current: ["a"],
      expected: ["a"],
    },
  ];
  for (const { name, expected, ...change } of table) {
    it(name, () => {
      expect(nextReplicas(change)).to.deep.equal(expected);
    });
  }
});

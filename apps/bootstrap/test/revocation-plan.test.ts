import { expect } from "chai";
import { planRevocation } from "../src/server/revocation-plan.ts";

/** Voters as words: "a" answers, "-a" does not, "+a" is a learner. */
function members(...words: readonly string[]) {
  return words.map((word) => ({
    name: word.replace(/^[-+]/, ""),
    healthy: !word.startsWith("-"),
    address: "",
    isLearner: word.startsWith("+"),
  }));
}

describe("planRevocation", () => {
  const table = [
    { name: "a worker", isServer: false, etcd: ["a", "b", "c"], target: "w", refusal: undefined },
    { name: "one of three servers", isServer: true, etcd: ["a", "b", "c"], target: "c", refusal: undefined },
    {
      name: "the dead one of three",
      isServer: true,
      etcd: ["a", "b", "-c"],
      target: "c",
      refusal: undefined,
    },
    {
      name: "a living one beside a dead one",
      isServer: true,
      etcd: ["a", "b", "-c"],
      target: "b",
      refusal: /only 1 of 2.*Bring c back/,
    },
    { name: "one of two", isServer: true, etcd: ["a", "b"], target: "b", refusal: undefined },
    { name: "the living one of two", isServer: true, etcd: ["a", "-b"], target: "a", refusal: /only 0 of 1/ },
    {
      name: "the only server",
      isServer: true,
      etcd: ["a"],
      target: "a",
      refusal: /only control-plane server/,
    },
    { name: "a learner", isServer: true, etcd: ["a", "+b"], target: "b", refusal: undefined },
    {
      name: "a server that is out of etcd already",
      isServer: true,
      etcd: ["a", "-b"],
      target: "c",
      refusal: undefined,
    },
    {
      name: "two of five dead, and a living one",
      isServer: true,
      etcd: ["a", "b", "c", "-d", "-e"],
      target: "c",
      refusal: /only 2 of 4.*d and e/,
    },
  ] as const;
  for (const { name, isServer, etcd, target, refusal } of table) {
    it(`${name} ${refusal === undefined ? "may go" : "must not go"}`, () => {
      const answer = planRevocation({ name: target, isServer, etcdMembers: members(...etcd) });
      if (refusal === undefined) expect(answer).to.equal(undefined);
      else expect(answer).to.match(refusal);
    });
  }
});

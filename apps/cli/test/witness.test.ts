import type { NodeStatus } from "@cluster-os/api";
import { expect } from "chai";
import { observe } from "../src/site.ts";
import { pickWitness } from "../src/witness.ts";
import { FakeMachine, nodeStatus, revoked } from "./support.ts";

const STARTING: Partial<NodeStatus> = { lifecycle: "join", role: "worker" };
const { clusterId: _, ...ALONE } = nodeStatus(1, STARTING);

const CASES: readonly {
  readonly title: string;
  readonly answers: readonly (NodeStatus | Error)[];
  readonly expected: string | undefined;
}[] = [
  { title: "nobody where nobody answers", answers: [new Error("silent")], expected: undefined },
  { title: "who answers", answers: [new Error("silent"), ALONE], expected: "m2" },
  { title: "a member", answers: [ALONE, nodeStatus(2, { role: "worker" })], expected: "m2" },
  { title: "a server", answers: [nodeStatus(1, { role: "worker" }), nodeStatus(2)], expected: "m2" },
  {
    title: "a server that serves",
    answers: [nodeStatus(1, { lifecycle: "converge" }), nodeStatus(2)],
    expected: "m2",
  },
  {
    title: "a worker rather than a server that was revoked",
    answers: [revoked(nodeStatus(1)), nodeStatus(2, { role: "worker" })],
    expected: "m2",
  },
  { title: "who was revoked, if nobody else is there", answers: [revoked(nodeStatus(1))], expected: "m1" },
];

describe("the machine that tells of the cluster", () => {
  for (const { title, answers, expected } of CASES) {
    it(`is ${title}`, async () => {
      const machines = answers.map((answer, at) => new FakeMachine(at + 1, answer));
      expect(pickWitness(machines, await observe(machines))?.name).to.equal(expected);
    });
  }
});

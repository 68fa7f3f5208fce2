import { planRepeats, type NodeView, type RepeatAction } from "@cluster-os/slurm";
import { expect } from "chai";

const refused = (name: string, states = ["IDLE", "DRAIN"], reasonBy = "slurm"): NodeView => ({
  name,
  states,
  reason: "Duplicate jobid",
  reasonBy,
  comment: "",
});

describe("planRepeats", () => {
  const cases: readonly {
    readonly name: string;
    readonly nodes: readonly NodeView[];
    readonly held: readonly number[];
    readonly expected: readonly RepeatAction[];
  }[] = [
    { name: "nothing where nothing was refused", nodes: [], held: [7], expected: [] },
    {
      name: "the jobs first, then the nodes",
      nodes: [refused("n-a"), refused("n-b")],
      held: [7, 8],
      expected: [
        { kind: "release", job: 7 },
        { kind: "release", job: 8 },
        { kind: "resume", node: "n-a" },
        { kind: "resume", node: "n-b" },
      ],
    },
    {
      name: "nothing while its node still ends the job",
      nodes: [refused("n-a", ["IDLE", "DRAIN", "COMPLETING"])],
      held: [7],
      expected: [],
    },
    {
      name: "a node at once that runs other jobs",
      nodes: [refused("n-a", ["MIXED", "DRAIN"])],
      held: [7],
      expected: [
        { kind: "release", job: 7 },
        { kind: "resume", node: "n-a" },
      ],
    },
    {
      name: "no node that is wished to be drained",
      nodes: [refused("n-cordoned")],
      held: [7],
      expected: [{ kind: "release", job: 7 }],
    },
    { name: "a node once", nodes: [refused("n-a", ["IDLE"])], held: [7], expected: [] },
    {
      name: "no drain of a person",
      nodes: [refused("n-a", undefined, "root"), { ...refused("n-b"), reason: "Prolog error" }],
      held: [7],
      expected: [],
    },
  ];
  for (const { name, nodes, held, expected } of cases) {
    const queue = { counts: { running: 0, pending: 0 }, running: [], launchFailed: held };
    it(name, () =>
      expect(planRepeats(nodes, queue, [{ node: "n-cordoned", reason: "" }])).to.deep.equal(expected),
    );
  }
});

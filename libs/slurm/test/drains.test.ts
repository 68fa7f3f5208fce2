import { planDrains, type DrainAction, type NodeView } from "@cluster-os/slurm";
import { expect } from "chai";
import fc from "fast-check";

const OWN = "cluster-os: cordoned in Kubernetes";
const view = (name: string, states: readonly string[], reason = ""): NodeView => ({
  name,
  states,
  reason,
  reasonBy: "root",
  comment: "",
});

describe("planDrains", () => {
  const wish = [{ node: "n-a", reason: OWN }];
  const cases: readonly {
    readonly name: string;
    readonly wished: typeof wish;
    readonly nodes: readonly NodeView[];
    readonly expected: readonly DrainAction[];
  }[] = [
    {
      name: "drains what is wished",
      wished: wish,
      nodes: [view("n-a", ["IDLE"]), view("n-b", ["IDLE"])],
      expected: [{ kind: "drain", node: "n-a", reason: OWN }],
    },
    { name: "drains once", wished: wish, nodes: [view("n-a", ["MIXED", "DRAIN"], OWN)], expected: [] },
    {
      name: "tells a new reason",
      wished: wish,
      nodes: [view("n-a", ["IDLE", "DRAIN"], "cluster-os: old")],
      expected: [{ kind: "drain", node: "n-a", reason: OWN }],
    },
    {
      name: "takes over what slurmctld drained for a job that was started twice",
      wished: wish,
      nodes: [{ ...view("n-a", ["IDLE", "DRAIN"], "Duplicate jobid"), reasonBy: "slurm" }],
      expected: [{ kind: "drain", node: "n-a", reason: OWN }],
    },
    {
      name: "leaves a drain of somebody else when it is wished, too",
      wished: wish,
      nodes: [view("n-a", ["IDLE", "DRAIN"], "bad disk")],
      expected: [],
    },
    {
      name: "undoes its own",
      wished: [],
      nodes: [view("n-a", ["IDLE", "DRAIN"], OWN)],
      expected: [{ kind: "resume", node: "n-a" }],
    },
    {
      name: "never undoes somebody else's",
      wished: [],
      nodes: [view("n-a", ["IDLE", "DRAIN"], "bad disk")],
      expected: [],
    },
    {
      name: "leaves a node that is down, whatever its old reason says",
      wished: [],
      nodes: [view("n-a", ["DOWN"], OWN)],
      expected: [],
    },
    { name: "waits for a node that SLURM does not know", wished: wish, nodes: [], expected: [] },
  ];
  for (const { name, wished, nodes, expected } of cases) {
    it(name, () => expect(planDrains(wished, nodes)).to.deep.equal(expected));
  }

  it("settles, and on what was wished", () => {
    const node = fc.record({
      name: fc.constantFrom("n-a", "n-b", "n-c"),
      states: fc.constantFrom<string[]>(["IDLE"], ["IDLE", "DRAIN"], ["DOWN"], ["ALLOCATED"]),
      reason: fc.constantFrom("", OWN, "bad disk"),
      reasonBy: fc.constant("root"),
      comment: fc.constant(""),
    });
    const nodes = fc.uniqueArray(node, { selector: ({ name }) => name });
    fc.assert(
      fc.property(nodes, fc.subarray(["n-a", "n-b", "n-c"]), (before, names) => {
        const wished = names.map((name) => ({ node: name, reason: OWN }));
        const actions = planDrains(wished, before);
        const after = before.map((one): NodeView => {
          const action = actions.find((other) => other.node === one.name);
          if (action === undefined) return one;
          const states = one.states.filter((state) => state !== "DRAIN");
          return action.kind === "drain"
            ? { ...one, states: [...states, "DRAIN"], reason: action.reason }
            : { ...one, states, reason: "" };
        });
        expect(planDrains(wished, after)).to.deep.equal([]);
        for (const one of after) {
          const isForeign = before.some(
            (other) => other.name === one.name && other.states.includes("DRAIN") && other.reason !== OWN,
          );
          if (!isForeign) expect(one.states.includes("DRAIN")).to.equal(names.includes(one.name));
        }
      }),
    );
  });
});

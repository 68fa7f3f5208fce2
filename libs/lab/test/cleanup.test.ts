import { expect } from "chai";
import fc from "fast-check";
import { planCleanup, type CleanupAction, type Leftovers } from "../src/cleanup.ts";

const NOTHING: Leftovers = { processes: [], cgroups: [], namespaces: [], folders: [] };

describe("planCleanup", () => {
  const cases: { name: string; found: Partial<Leftovers>; expected: CleanupAction[] }[] = [
    { name: "has nothing to do where nothing is", found: {}, expected: [] },
    {
      name: "kills each process once, and nothing else while one lives",
      found: { processes: [10, 11, 10], cgroups: ["/c/memory/cos-lab-m1"], folders: ["/state/lab"] },
      expected: [{ kind: "kill", pids: [10, 11] }],
    },
    {
      name: "then removes what they held, and the records last",
      found: {
        cgroups: ["/c/memory/cos-lab-m1", "/c/cpu/cos-lab-m1", "/c/cpu/cos-lab-m1"],
        namespaces: ["cos-lab-m1", "cos-lab-fabric"],
        folders: ["/state/lab"],
      },
      expected: [
        { kind: "remove-cgroup", path: "/c/cpu/cos-lab-m1" },
        { kind: "remove-cgroup", path: "/c/memory/cos-lab-m1" },
        { kind: "remove-namespace", namespace: "cos-lab-fabric" },
        { kind: "remove-namespace", namespace: "cos-lab-m1" },
        { kind: "remove-folder", path: "/state/lab" },
      ],
    },
    {
      name: "a launcher that died before it recorded anything but the folder",
      found: { folders: ["/state/lab"] },
      expected: [{ kind: "remove-folder", path: "/state/lab" }],
    },
  ];
  for (const { name, found, expected } of cases) {
    it(name, () => expect(planCleanup({ ...NOTHING, ...found })).to.deep.equal(expected));
  }

  it("ends with nothing left, however many machines are born while it looks", () => {
    const pids = fc.uniqueArray(fc.integer({ min: 2, max: 30 }));
    const paths = fc.uniqueArray(fc.constantFrom("/c/a", "/c/b", "/c/c"));
    fc.assert(
      fc.property(
        pids,
        paths,
        paths,
        fc.array(pids, { maxLength: 4 }),
        (processes, cgroups, namespaces, births) => {
          let found: Leftovers = { processes, cgroups, namespaces, folders: ["/state"] };
          const coming = [...births];
          let rounds = 0;
          for (let plan = planCleanup(found); plan.length > 0; plan = planCleanup(found)) {
            expect((rounds += 1)).to.be.lessThan(10);
            for (const action of plan) {
              // The kernel refuses to remove a cgroup with processes in it.
              if (action.kind !== "kill") expect(found.processes).to.deep.equal([]);
              found = without(found, action);
            }
            if (found.folders.length > 0)
              found = { ...found, processes: [...found.processes, ...(coming.pop() ?? [])] };
          }
          expect(found).to.deep.equal(NOTHING);
        },
      ),
    );
  });
});

function without(found: Leftovers, action: CleanupAction): Leftovers {
  switch (action.kind) {
    case "kill":
      return { ...found, processes: found.processes.filter((pid) => !action.pids.includes(pid)) };
    case "remove-cgroup":
      return { ...found, cgroups: found.cgroups.filter((path) => path !== action.path) };
    case "remove-namespace":
      return { ...found, namespaces: found.namespaces.filter((name) => name !== action.namespace) };
    case "remove-folder":
      return { ...found, folders: found.folders.filter((path) => path !== action.path) };
  }
}

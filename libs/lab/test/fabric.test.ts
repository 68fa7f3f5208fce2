import { expect } from "chai";
import fc from "fast-check";
import {
  planFabric,
  type FabricAction,
  type FabricState,
  type FabricWish,
  type Port,
} from "../src/fabric.ts";
import { hardwareAddress, labNames } from "../src/names.ts";

const names = labNames("lab");
const NOTHING: FabricState = { namespaces: ["somebody-elses"], bridges: [], ports: [] };

describe("planFabric", () => {
  const one: FabricState = {
    namespaces: ["cos-lab-fabric", "cos-lab-m1"],
    bridges: ["br0"],
    ports: [{ machine: 1, bridge: "br0", isUp: true }],
  };
  const two: FabricState = {
    namespaces: [...one.namespaces, "cos-lab-m2"],
    bridges: ["br0"],
    ports: [...one.ports, { machine: 2, bridge: "br0", isUp: true }],
  };
  const everybody = { groups: [], unplugged: [] };
  const cases: { name: string; observed: FabricState; wish: FabricWish; expected: string[] }[] = [
    {
      name: "lays everything for the first machine",
      observed: NOTHING,
      wish: { machines: [1], ...everybody },
      expected: [
        "add-namespace cos-lab-fabric",
        "add-bridge br0",
        "add-namespace cos-lab-m1",
        "add-cable 1",
        "attach 1 br0",
        "switch 1 on",
      ],
    },
    {
      name: "does nothing when all is so",
      observed: two,
      wish: { machines: [1, 2], ...everybody },
      expected: [],
    },
    {
      name: "adds a machine to those that are there",
      observed: one,
      wish: { machines: [1, 2], ...everybody },
      expected: ["add-namespace cos-lab-m2", "add-cable 2", "attach 2 br0", "switch 2 on"],
    },
    {
      name: "removes the cable and the namespace of a machine that is off",
      observed: two,
      wish: { machines: [1], ...everybody },
      expected: ["remove-cable 2", "remove-namespace cos-lab-m2"],
    },
    {
      name: "lays the cable that an earlier attempt did not get to",
      observed: { ...one, ports: [] },
      wish: { machines: [1], ...everybody },
      expected: ["add-cable 1", "attach 1 br0", "switch 1 on"],
    },
    {
      name: "removes the cable that outlived its machine's namespace first",
      observed: { ...one, namespaces: ["cos-lab-fabric"] },
      wish: { machines: [1], ...everybody },
      expected: ["remove-cable 1", "add-namespace cos-lab-m1", "add-cable 1", "attach 1 br0", "switch 1 on"],
    },
    {
      name: "moves a machine of another group to another bridge",
      observed: two,
      wish: { machines: [1, 2], groups: [[2]], unplugged: [] },
      expected: ["add-bridge br1", "attach 2 br1"],
    },
    {
      name: "heals: everybody on one bridge, the others gone",
      observed: {
        ...two,
        bridges: ["br0", "br1"],
        ports: [one.ports[0] as Port, { machine: 2, bridge: "br1", isUp: true }],
      },
      wish: { machines: [1, 2], ...everybody },
      expected: ["attach 2 br0", "remove-bridge br1"],
    },
    {
      name: "pulls a cable",
      observed: two,
      wish: { machines: [1, 2], groups: [], unplugged: [1] },
      expected: ["switch 1 off"],
    },
  ];
  for (const { name, observed, wish, expected } of cases) {
    it(name, () => expect(planFabric(names, observed, wish).map(describeAction)).to.deep.equal(expected));
  }

  it("settles on what was asked, from any state", () => {
    fc.assert(
      fc.property(states, wishes, (observed, wish) => {
        const fake = new FakeFabric(observed);
        for (const action of planFabric(names, observed, wish)) fake.apply(action);
        const settled = fake.state();
        expect(planFabric(names, settled, wish)).to.deep.equal([]);
        expect(settled.ports.map((port) => port.machine).sort()).to.deep.equal([...wish.machines].sort());
        for (const left of settled.ports) {
          expect(left.isUp).to.equal(!wish.unplugged.includes(left.machine));
          for (const right of settled.ports) {
            const together = groupOf(wish, left.machine) === groupOf(wish, right.machine);
            expect(left.bridge === right.bridge, `${left.machine} and ${right.machine}`).to.equal(together);
          }
        }
        expect(settled.namespaces).to.include("somebody-elses");
      }),
    );
  });
});

const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 5 }));
const wishes: fc.Arbitrary<FabricWish> = fc.record({
  machines: numbers,
  groups: numbers.map((all) => (all.length < 2 ? [] : [all.slice(0, 1), all.slice(1)])),
  unplugged: numbers,
});
const states: fc.Arbitrary<FabricState> = fc
  .record({
    machines: numbers,
    bridges: fc.subarray(["br0", "br1", "br2"]),
    bridgeless: fc.boolean(),
    isUp: fc.boolean(),
    gone: fc.nat(2),
  })
  .map(({ machines, bridges, bridgeless, isUp, gone }) => ({
    namespaces: [
      "somebody-elses",
      "cos-lab-fabric",
      ...machines.slice(0, machines.length - gone).map((machine) => names.machine(machine)),
    ],
    bridges,
    ports: machines
      .slice(1)
      .map((machine) => ({ machine, bridge: bridgeless ? undefined : bridges[0], isUp })),
  }));

function groupOf(wish: FabricWish, machine: number): number {
  return wish.groups.findIndex((group) => group.includes(machine));
}

function describeAction(action: FabricAction): string {
  switch (action.kind) {
    case "add-namespace":
    case "remove-namespace":
      return `${action.kind} ${action.namespace}`;
    case "add-bridge":
    case "remove-bridge":
      return `${action.kind} ${action.bridge}`;
    case "add-cable":
      expect(action.address).to.equal(hardwareAddress(action.namespace));
      return `add-cable ${action.machine}`;
    case "remove-cable":
      return `remove-cable ${action.machine}`;
    case "attach":
      return `attach ${action.machine} ${action.bridge}`;
    case "switch":
      return `switch ${action.machine} ${action.isUp ? "on" : "off"}`;
  }
}

/** Does what the kernel does, and refuses what it refuses. */
class FakeFabric {
  readonly #namespaces: Set<string>;
  readonly #bridges: Set<string>;
  readonly #ports: Map<number, { bridge: string | undefined; isUp: boolean }>;

  constructor(state: FabricState) {
    this.#namespaces = new Set(state.namespaces);
    this.#bridges = new Set(state.bridges);
    this.#ports = new Map(state.ports.map(({ machine, bridge, isUp }) => [machine, { bridge, isUp }]));
  }

  state(): FabricState {
    return {
      namespaces: [...this.#namespaces],
      bridges: [...this.#bridges],
      ports: [...this.#ports].map(([machine, port]) => ({ machine, ...port })),
    };
  }

  apply(action: FabricAction): void {
    switch (action.kind) {
      case "add-namespace":
        expect(this.#namespaces.has(action.namespace), "exists").to.equal(false);
        this.#namespaces.add(action.namespace);
        return;
      case "add-bridge":
        expect(this.#bridges.has(action.bridge), "exists").to.equal(false);
        this.#bridges.add(action.bridge);
        return;
      case "add-cable":
        expect(this.#namespaces.has(action.namespace)).to.equal(true);
        expect(this.#ports.has(action.machine), "exists").to.equal(false);
        this.#ports.set(action.machine, { bridge: undefined, isUp: false });
        return;
      case "remove-cable":
        expect(this.#ports.delete(action.machine)).to.equal(true);
        return;
      case "attach":
        expect(this.#bridges.has(action.bridge)).to.equal(true);
        this.#port(action.machine).bridge = action.bridge;
        return;
      case "switch":
        this.#port(action.machine).isUp = action.isUp;
        return;
      case "remove-bridge":
        expect(this.#bridges.delete(action.bridge)).to.equal(true);
        for (const port of this.#ports.values()) if (port.bridge === action.bridge) port.bridge = undefined;
        return;
      case "remove-namespace":
        expect(this.#namespaces.delete(action.namespace)).to.equal(true);
        this.#ports.delete(names.numberOf(action.namespace) as number);
    }
  }

  #port(machine: number): { bridge: string | undefined; isUp: boolean } {
    const port = this.#ports.get(machine);
    if (port === undefined) throw new Error(`there is no port ${machine}`);
    return port;
  }
}

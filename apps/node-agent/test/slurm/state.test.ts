import { expect } from "chai";
import {
  nominationOf,
  planState,
  standingIn,
  stateProblems,
  type StateObserved,
} from "../../src/slurm/state.ts";
import { copy, lease, ME, OTHER, THIRD } from "./fixtures.ts";

const EMPTY: StateObserved = { kind: "closed", isKept: false };
const KEPT: StateObserved = { kind: "closed", isKept: true };

describe("slurm: this machine's copy of the state", () => {
  const open = [{ kind: "open" }];
  const cases: readonly {
    name: string;
    state: StateObserved;
    lease: ReturnType<typeof lease> | undefined;
    expected: readonly unknown[];
  }[] = [
    { name: "is opened where the Lease names the machine", state: EMPTY, lease: lease(), expected: open },
    {
      name: "is not where it does not",
      state: EMPTY,
      lease: lease({ holder: OTHER.name, replicas: [OTHER.name] }),
      expected: [],
    },
    {
      name: "answers for as long as it is there, whatever the Lease says",
      state: KEPT,
      lease: lease({ holder: OTHER.name, replicas: [OTHER.name] }),
      expected: open,
    },
    { name: "also without any", state: KEPT, lease: undefined, expected: open },
    { name: "and nothing is ever closed", state: copy("follows"), lease: undefined, expected: [] },
    {
      name: "the holder has others keep it, too",
      state: copy("leads"),
      lease: lease({ replicas: [ME.name, THIRD.name] }),
      expected: [{ kind: "wish-replicas", replicas: [ME.name, THIRD.name] }],
    },
    { name: "which is said once", state: copy("leads"), lease: lease(), expected: [] },
    {
      name: "and not by somebody else",
      state: copy("follows"),
      lease: lease({ holder: OTHER.name, replicas: [OTHER.name] }),
      expected: [],
    },
    {
      name: "nor at its own cost",
      state: copy("leads"),
      lease: lease({ replicas: [OTHER.name] }),
      expected: [],
    },
  ];
  for (const { name, state, lease: seen, expected } of cases) {
    it(name, () => {
      const action = planState(state, seen, ME.name);
      expect(action === undefined ? [] : [action]).to.deep.equal(expected);
    });
  }

  it("stands in an epoch as its fixture says", () => {
    for (const standing of ["closed", "outvoted", "follows", "led", "takes-over", "leads"] as const)
      expect(standingIn(3, copy(standing))).to.equal(standing);
  });

  it("that leads an older epoch only follows in this one", () => {
    expect(standingIn(4, copy("leads"))).to.equal("follows");
  });

  it("is founded only where the Lease says so", () => {
    expect(nominationOf(lease()).mayFound).to.equal(false);
    expect(nominationOf(lease({ mayFound: true }))).to.deep.equal({
      epoch: 3,
      replicas: [ME.name, OTHER.name, THIRD.name],
      mayFound: true,
    });
  });

  it("says what it waits for where it is to lead, and what went wrong anywhere", () => {
    expect(stateProblems(copy("takes-over"), lease())).to.deep.equal([
      "the controller's saved state: waits for a majority",
    ]);
    expect(stateProblems(copy("takes-over"), undefined)).to.deep.equal([]);
    expect(stateProblems(copy("outvoted"), lease()).join()).to.include("leads epoch 4");
    expect(stateProblems(copy("outvoted"), undefined)).to.deep.equal([]);
    expect(stateProblems({ ...KEPT, trouble: "a disk" }, undefined)).to.deep.equal([
      "the controller's saved state: a disk",
    ]);
    expect(stateProblems(copy("follows", { trouble: "full" }), undefined).join()).to.include("full");
  });
});

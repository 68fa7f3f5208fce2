import { expect } from "chai";
import type { ControllerObserved } from "../../src/slurm/controller.ts";
import { deadlineMs, GRACE_MS, renewalMs, vouching, type Vouching } from "../../src/slurm/vouching.ts";
import type { ControllerWish } from "../../src/slurm/wish.ts";
import { CONFIG, copy, fencer, lease } from "./fixtures.ts";

const WISH: ControllerWish = { config: CONFIG, lease: lease(), drains: [], tokenKey: new Uint8Array(32) };
const RUNS: ControllerObserved = {
  unit: "active",
  fencer: fencer(),
  configHash: CONFIG.hash,
  state: copy("leads"),
};
const WAITS: ControllerObserved = {
  ...RUNS,
  fencer: fencer({ state: "waiting", pid: 0, epoch: 0, starts: 0 }),
};
const RELEASE: ControllerWish = { ...WISH, lease: lease({ isReleaseWanted: true }) };

describe("slurm: what is vouched for", () => {
  const cases: readonly {
    name: string;
    observed: ControllerObserved;
    wish: ControllerWish | undefined;
    /** At first, and when it had its time. */
    expected: readonly [Vouching, Vouching];
  }[] = [
    {
      name: "one that runs in the Lease's epoch",
      observed: RUNS,
      wish: WISH,
      expected: ["controller", "controller"],
    },
    {
      name: "one that waits for it, on the newest state",
      observed: WAITS,
      wish: WISH,
      expected: ["controller", "controller"],
    },
    {
      name: "none that waits without a majority",
      observed: { ...WAITS, state: copy("takes-over") },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
    {
      name: "none that waits beside a copy that is not open",
      observed: { ...WAITS, state: copy("closed") },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
    {
      name: "one that runs, beside a node-agent that begins anew",
      observed: { ...RUNS, state: copy("closed") },
      wish: WISH,
      expected: ["controller", "controller"],
    },
    {
      name: "one that runs, and the other copies are away",
      observed: { ...RUNS, state: copy("takes-over") },
      wish: WISH,
      expected: ["controller", "controller"],
    },
    {
      name: "nobody where another one leads",
      observed: { ...RUNS, state: copy("outvoted") },
      wish: WISH,
      expected: ["nothing", "nothing"],
    },
    {
      name: "none of another epoch",
      observed: { ...RUNS, fencer: fencer({ epoch: 2 }) },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
    {
      name: "none that is being stopped",
      observed: { ...RUNS, fencer: fencer({ state: "stopping" }) },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
    {
      name: "none that is to be released: only the time to save all",
      observed: RUNS,
      wish: RELEASE,
      expected: ["lease", "nothing"],
    },
    { name: "none without the Lease", observed: RUNS, wish: undefined, expected: ["nothing", "nothing"] },
    {
      name: "none without a configuration",
      observed: { ...RUNS, configHash: undefined },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
    {
      name: "none whose fencer does not answer",
      observed: { ...RUNS, fencer: undefined },
      wish: WISH,
      expected: ["lease", "nothing"],
    },
  ];
  for (const { name, observed, wish, expected } of cases) {
    it(name, () =>
      expect([vouching(observed, wish, 0), vouching(observed, wish, 60_000)]).to.deep.equal(expected),
    );
  }

  it("never until after the Lease ends for those who wait for it", () => {
    for (const leaseSeconds of [5, 8, 120]) {
      expect(deadlineMs(1000, leaseSeconds)).to.be.below(1000 + leaseSeconds * 1000);
      // Two renewals may fail, and slurmctld is not even asked to end.
      expect(3 * renewalMs(leaseSeconds) + GRACE_MS).to.be.below(leaseSeconds * 1000);
    }
  });
});

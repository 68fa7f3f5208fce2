import { expect } from "chai";
import { renderRun, type PlayedRound } from "../report.ts";

const ROUND: PlayedRound = {
  round: { number: 1, faults: [{ kind: "kill", machine: 1, program: "etcd" }], heldS: 12 },
  faults: ["etcd killed on m1"],
  writes: { acknowledged: 40, refused: 2, longestGapMs: 3_400 },
  wellAfterMs: 9_600,
  violations: [],
};
const RUN = { seed: 7, machines: 5, minutes: 30, commit: "abc1234" };

describe("a run's report", () => {
  it("says what was done, and that nothing was lost", () => {
    const text = renderRun({ ...RUN, rounds: [ROUND] });
    expect(text).to.include("`make test-chaos SEED=7 MINUTES=30 NODES=5` at abc1234: 1 rounds");
    expect(text).to.include("| 1 | etcd killed on m1 | 12 s | 40 / 2 | 3 s | 10 s |");
    expect(text).to.include("Not kept: nothing.");
  });

  it("says what was not kept, and where it never became well", () => {
    const { wellAfterMs: _, ...unwell } = ROUND;
    const lost = { ...unwell, violations: ["acknowledged writes are gone: write-3"] };
    const text = renderRun({ ...RUN, rounds: [lost] });
    expect(text).to.include("Not kept: in round 1, acknowledged writes are gone: write-3.");
    expect(text).to.include("| not in time |").and.include("never");
  });
});

import { expect } from "chai";
import { ours } from "../src/gossip/ours.ts";
import { costRows, COST_HEADERS, TIME_HEADERS, timeRows, type Score } from "../src/gossip/rows.ts";
import { Serf } from "../src/gossip/serf.ts";

const usage = { pssKib: 0, rssKib: 0, ticks: 0 };
const score: Score = {
  name: "ours",
  size: 5,
  agreeMs: [900, 100, 500, 300],
  deathKnownMs: [4_000, 3_000, 9_000],
  rest: {
    seconds: 20,
    before: { ...usage, ticks: 40 },
    after: { pssKib: 5 * 2_048, rssKib: 5 * 3_072, ticks: 140 },
    sent: 123_400,
  },
};

describe("gossip beside serf", () => {
  it("has the median and the longest of all runs", () => {
    expect(timeRows([score])).to.deep.equal([["5", "ours", "0.40", "0.90", "4.00", "9.00"]]);
    expect(timeRows([score])[0]).to.have.length(TIME_HEADERS.length);
  });

  it("has what each member uses, ticks being hundredths of a second", () => {
    // 100 ticks are one second of processor time, of five members in 20 s: one hundredth of a core each.
    expect(costRows([score])).to.deep.equal([["5", "ours", "1234", "1.00", "2.0", "3.0"]]);
    expect(costRows([score])[0]).to.have.length(COST_HEADERS.length);
  });

  it("reads what members say of each other, and nothing else", () => {
    const serf = new Serf("/usr/bin/serf");
    const lines = [
      "2026/11/22 01:02:03 [INFO] serf: EventMemberJoin: m12 10.0.0.12",
      "2026/11/22 01:02:09 [INFO] serf: EventMemberFailed: m12 10.0.0.12",
      "2026/11/22 01:02:08 [INFO] memberlist: Suspect m12 has failed, no acks received",
    ];
    expect(lines.map((line) => serf.read(line))).to.deep.equal([
      { subject: 12, isAlive: true },
      { subject: 12, isAlive: false },
      undefined,
    ]);
    expect(["alive 12", "failed 12", "ready"].map((line) => ours.read(line))).to.deep.equal([
      { subject: 12, isAlive: true },
      { subject: 12, isAlive: false },
      undefined,
    ]);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { isSilent, judgeHeartbeat, sight, type Sighting } from "../src/index.ts";

describe("sighting of a heartbeat", () => {
  it("is not taken for a change when it is first seen", () => {
    const found = sight(undefined, "t1", 0);
    expect(found.hasChanged).to.equal(false);
    expect(sight(found, "t1", 1000).hasChanged).to.equal(false);
    expect(sight(found, "t2", 2000)).to.deep.equal({ value: "t2", changedAt: 2000, hasChanged: true });
    expect(sight(sight(undefined, undefined, 0), "t1", 1000).hasChanged).to.equal(true);
  });

  it("is late by the observer's clock, whatever the writer's clock says", () => {
    const first = sight(undefined, "1970-01-01T00:00:00.000000Z", 5000);
    const second = sight(first, "1970-01-01T00:00:00.000000Z", 19_000);
    expect(second.changedAt).to.equal(5000);
    expect(isSilent(second, 15_000, 19_000)).to.equal(false);
    expect(isSilent(second, 15_000, 20_001)).to.equal(true);
    expect(isSilent(sight(second, "2100-01-01T00:00:00.000000Z", 20_001), 15_000, 20_002)).to.equal(false);
  });

  const table = [
    { name: "nothing was ever written", values: [undefined], at: 60_000, heartbeat: "never" },
    { name: "just found", values: ["t1"], at: 14_000, heartbeat: "unjudged" },
    { name: "found, and silent since", values: ["t1"], at: 15_001, heartbeat: "expired" },
    { name: "seen to change", values: ["t1", "t2"], at: 2000, heartbeat: "fresh" },
    { name: "seen to begin", values: [undefined, "t1"], at: 2000, heartbeat: "fresh" },
    { name: "changed, and silent since", values: ["t1", "t2"], at: 16_002, heartbeat: "expired" },
  ] as const;
  for (const { name, values, at, heartbeat } of table) {
    it(`${name}: ${heartbeat}`, () => {
      let sighting: Sighting | undefined;
      for (const [second, value] of values.entries()) sighting = sight(sighting, value, second * 1000);
      expect(judgeHeartbeat(sighting as Sighting, 15_000, at)).to.equal(heartbeat);
    });
  }

  it("a writer that changes it in time is never late, at whatever moments it is looked at", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(gaps, (looks) => {
        let now = 0;
        let sighting: Sighting | undefined;
        for (const gap of looks) {
          now += gap;
          // Written every 5 s, on time; a look is at most 5 s after the one before.
          sighting = sight(sighting, `beat ${Math.floor(now / 5000)}`, now);
          expect(judgeHeartbeat(sighting, 15_000, now)).to.not.equal("expired");
        }
      }),
    );
  });
});

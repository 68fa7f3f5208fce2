import { expect } from "chai";
import { Awareness } from "../src/awareness.ts";
import { defaultMembershipConfig as config, patientMembership } from "../src/config.ts";
import { Suspicion, suspicionTimes } from "../src/suspicion.ts";
import { pushPullIntervalMs } from "../src/timing.ts";
import { identityNumber } from "./mini-network.ts";

const [A, B, C] = [1, 2, 3].map((number) => identityNumber(number).nodeId) as [never, never, never];

describe("suspicion", () => {
  const table = [
    { memberCount: 2, shortestMs: 2_500, longestMs: 10_000, confirmations: 0 },
    { memberCount: 3, shortestMs: 2_500, longestMs: 10_000, confirmations: 1 },
    { memberCount: 10, shortestMs: 2_500, longestMs: 10_000, confirmations: 1 },
    { memberCount: 100, shortestMs: 5_000, longestMs: 20_000, confirmations: 1 },
    { memberCount: 1_000, shortestMs: 7_500, longestMs: 30_000, confirmations: 1 },
  ];
  for (const { memberCount, ...expected } of table) {
    it(`lasts ${expected.shortestMs / 1000} s or more among ${memberCount}`, () => {
      expect(suspicionTimes(config, memberCount)).to.deep.equal(expected);
    });
  }

  const times = { shortestMs: 1_000, longestMs: 9_000, confirmations: 3 };

  it("is long while nobody shares it, and shortens with each who does", () => {
    const suspicion = new Suspicion(times, A, 100);
    expect(suspicion.endsAt).to.equal(9_100);
    expect(suspicion.confirm(B)).to.equal(true);
    expect(suspicion.endsAt).to.equal(5_100);
    expect(suspicion.confirm(C)).to.equal(true);
    expect(suspicion.endsAt).to.be.lessThan(5_100).and.greaterThan(1_100);
    expect(suspicion.confirm(identityNumber(4).nodeId)).to.equal(true);
    expect(suspicion.endsAt).to.equal(1_100);
  });

  it("counts each accuser once, and no more than are needed", () => {
    const suspicion = new Suspicion({ ...times, confirmations: 1 }, A, 0);
    expect(suspicion.confirm(A)).to.equal(false);
    expect(suspicion.confirm(B)).to.equal(true);
    expect(suspicion.confirm(C)).to.equal(false);
    expect(suspicion.hasAccuser(C)).to.equal(false);
  });

  it("is short at once where nobody can share it", () => {
    expect(new Suspicion({ ...times, confirmations: 0 }, A, 0).endsAt).to.equal(1_000);
  });

  it("is told to the suspect from half of the shortest time on, again and again", () => {
    const suspicion = new Suspicion(times, A, 100);
    const told = [0, 1, 2].map(() => {
      const { tellAt } = suspicion;
      suspicion.told();
      return tellAt;
    });
    expect(told).to.deep.equal([600, 850, 1_100]);
  });

  it("waits while this machine does not run", () => {
    const suspicion = new Suspicion({ ...times, confirmations: 0 }, A, 0);
    suspicion.postpone(20_000);
    expect(suspicion.endsAt).to.equal(21_000);
  });
});

describe("local health", () => {
  it("stays between well and its limit, and stretches times", () => {
    const awareness = new Awareness(8);
    awareness.apply(-3);
    expect(awareness.scale(500)).to.equal(500);
    awareness.apply(2);
    expect(awareness.scale(500)).to.equal(1_500);
    awareness.apply(100);
    expect(awareness.score).to.equal(7);
  });
});

describe("the interval of anti-entropy", () => {
  const table: [number, number][] = [
    [3, 30_000],
    [32, 30_000],
    [33, 60_000],
    [64, 60_000],
    [100, 90_000],
    [1_000, 180_000],
  ];
  for (const [memberCount, expected] of table) {
    it(`is ${expected / 1000} s among ${memberCount}`, () => {
      expect(pushPullIntervalMs(config, memberCount)).to.equal(expected);
    });
  }
});

describe("patience", () => {
  it("gives members longer to answer, tells news as often, and leaves usual hardware alone", () => {
    expect(patientMembership(1)).to.deep.equal({});
    const { probeTimeoutMs, suspicionMs, gossipIntervalMs } = {
      ...config,
      ...patientMembership(10),
    };
    expect(probeTimeoutMs).to.equal(10 * config.probeTimeoutMs);
    expect(suspicionMs).to.equal(10 * config.suspicionMs);
    expect(gossipIntervalMs).to.equal(config.gossipIntervalMs);
  });
});

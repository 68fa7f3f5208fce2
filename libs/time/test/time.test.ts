import { expect } from "chai";
import fc from "fast-check";
import {
  agreement,
  clockOffset,
  describeOffset,
  judgeClock,
  parseTracking,
  planTime,
  renderConfig,
  renderSources,
  timeServersOfLease,
  type TimeObserved,
  type TimeWish,
} from "../src/index.ts";

const SERVER = { address: "10.86.0.1", network: "10.86.0.0/16", isServer: true };

describe("what chrony is told", () => {
  it("a server answers the mesh, and agrees with the other servers when nobody outside answers", () => {
    const config = renderConfig(SERVER);
    expect(config).to.include("bindaddress 10.86.0.1\nallow 10.86.0.0/16\nlocal stratum 10 orphan\n");
    expect(config).to.include("makestep 1 3\n").and.not.include("port 0");
  });

  for (const [name, place] of [
    ["a worker", { ...SERVER, isServer: false }],
    ["a machine without a cluster", undefined],
  ] as const) {
    it(`${name} answers nobody and never takes its own clock for the time`, () => {
      expect(renderConfig(place))
        .to.include("port 0\n")
        .and.not.match(/^(allow|local|bindaddress) /m);
    });
  }

  it("outside sources are preferred, the servers stay", () => {
    expect(renderSources({ outside: ["ntp.example.org"], servers: ["10.86.0.2", "10.86.0.1"] })).to.equal(
      "server ntp.example.org iburst prefer\n" +
        "server 10.86.0.1 iburst minpoll 4 maxpoll 6\nserver 10.86.0.2 iburst minpoll 4 maxpoll 6\n",
    );
  });

  it("is the same text for the same sources in any order", () => {
    const address = fc.integer({ min: 1, max: 9 }).map((index) => `10.86.0.${index}`);
    fc.assert(
      fc.property(fc.array(address), fc.array(address), (outside, servers) => {
        const turned = { outside: [...outside].reverse(), servers: [...servers, ...servers].reverse() };
        expect(renderSources(turned)).to.equal(renderSources({ outside, servers }));
      }),
    );
  });
});

describe("planTime", () => {
  const wish: TimeWish = { config: "c", sources: "s" };
  const cases: readonly [string, TimeObserved, TimeWish | undefined, readonly string[]][] = [
    ["nothing to follow", { config: undefined, sources: undefined, isRunning: false }, undefined, []],
    [
      "the first time",
      { config: undefined, sources: undefined, isRunning: false },
      wish,
      ["write-sources", "write-config", "restart"],
    ],
    ["all as it should be", { ...wish, isRunning: true }, wish, []],
    [
      "other servers: it goes on",
      { ...wish, sources: "", isRunning: true },
      wish,
      ["write-sources", "reload-sources"],
    ],
    [
      "another place: it reads its configuration anew",
      { ...wish, config: "", isRunning: true },
      wish,
      ["write-config", "restart"],
    ],
    ["it died", { ...wish, isRunning: false }, wish, ["restart"]],
    [
      "it died, and there are other servers",
      { config: "c", sources: "", isRunning: false },
      wish,
      ["write-sources", "restart"],
    ],
  ];
  for (const [name, observed, wished, expected] of cases)
    it(name, () => expect(planTime(observed, wished).map(({ kind }) => kind)).to.deep.equal(expected));

  it("settles on what was asked for, from any state", () => {
    const text = fc.option(fc.constantFrom<string>("", "a", "c", "s"), { nil: undefined });
    fc.assert(
      fc.property(text, text, fc.boolean(), (config, sources, isRunning) => {
        const chrony = { config, sources, isRunning, follows: isRunning ? `${config} ${sources}` : "" };
        for (const action of planTime(chrony, wish)) {
          if (action.kind === "write-config") chrony.config = action.text;
          else if (action.kind === "write-sources") chrony.sources = action.text;
          else {
            chrony.isRunning = true;
            chrony.follows = `${chrony.config} ${chrony.sources}`;
          }
        }
        expect(planTime(chrony, wish)).to.deep.equal([]);
        expect(chrony).to.deep.include({ ...wish, isRunning: true, follows: "c s" });
      }),
    );
  });
});

// As chronyd 4.6 wrote them: without source, as orphan reference, and with -x an hour ahead.
const UNSYNCHRONISED =
  "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised";
const OWN =
  "7F7F0101,,10,1795255116.432402332,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal";
const AHEAD =
  "7F000001,127.0.0.1,11,1795255125.838204423,-3600.000000000,-0.000002045,2766.360351562,0.056,-0.034,2.220,0.000023396,0.000005547,1.0,Normal\n";

describe("parseTracking", () => {
  it("reads a machine without a source", () =>
    expect(parseTracking(UNSYNCHRONISED)).to.deep.equal({
      source: undefined,
      isOwnClock: false,
      stratum: 0,
      offsetMs: 0,
    }));
  it("reads a server that the others look to", () =>
    expect(parseTracking(OWN)).to.deep.equal({
      source: undefined,
      isOwnClock: true,
      stratum: 10,
      offsetMs: 0,
    }));
  it("reads a clock that is an hour ahead", () =>
    expect(parseTracking(AHEAD)).to.deep.equal({
      source: "127.0.0.1",
      isOwnClock: false,
      stratum: 11,
      offsetMs: 3_600_000,
    }));
  for (const text of ["", "506 Cannot talk to daemon", AHEAD.replace("-3600", "far"), `${OWN},x`])
    it(`makes nothing of "${text.slice(0, 20)}"`, () => expect(parseTracking(text)).to.equal(undefined));
});

describe("judgeClock", () => {
  const follows = { source: "10.86.0.1", isOwnClock: false, stratum: 11, offsetMs: 3 };
  const cases: readonly [string, Parameters<typeof judgeClock>[0], string, string, RegExp][] = [
    ["chrony silent", { tracking: undefined, canSetClock: true }, "Unknown", "TimeServiceSilent", /chrony/],
    [
      "no source",
      { tracking: { ...follows, source: undefined }, canSetClock: true },
      "False",
      "NoSource",
      /none/,
    ],
    [
      "the cluster's reference",
      { tracking: { ...follows, source: undefined, isOwnClock: true }, canSetClock: true },
      "True",
      "ReferenceClock",
      /follows this server/,
    ],
    ["close", { tracking: follows, canSetClock: true }, "True", "Synchronized", /^follows the time sources$/],
    [
      "far",
      { tracking: { ...follows, offsetMs: -3_600_000 }, canSetClock: true },
      "False",
      "ClockOff",
      /60 min behind of 10\.86\.0\.1; chrony/,
    ],
    ["a container", { tracking: follows, canSetClock: false }, "True", "HostClockAgrees", /the host sets/],
    [
      "a container that is far off",
      { tracking: { ...follows, offsetMs: 7_200_000 }, canSetClock: false },
      "False",
      "ClockOff",
      /2 h ahead of 10\.86\.0\.1; the host of this container/,
    ],
  ];
  it("another source that agrees changes nothing", () => {
    for (const canSetClock of [true, false]) {
      const of = (source: string) => judgeClock({ tracking: { ...follows, source }, canSetClock });
      expect(of("10.86.0.2")).to.deep.equal(of("10.86.0.3"));
    }
  });

  for (const [name, observed, status, reason, message] of cases) {
    it(name, () => {
      const judged = judgeClock(observed);
      expect(judged).to.include({ type: "ClockSynchronized", status, reason });
      expect(judged.message).to.match(message);
    });
  }

  it("says the same while a good clock wanders", () => {
    const at = (offsetMs: number) => judgeClock({ tracking: { ...follows, offsetMs }, canSetClock: true });
    expect(at(-400)).to.deep.equal(at(399));
  });

  const sizes: readonly [number, string][] = [
    [1_500, "some seconds ahead"],
    [-42_000, "42 s behind"],
    [600_000, "10 min ahead"],
    [-86_400_000, "24 h behind"],
  ];
  for (const [offsetMs, text] of sizes)
    it(`${offsetMs} ms is ${text}`, () => expect(describeOffset(offsetMs)).to.equal(text));
});

describe("two clocks", () => {
  it("are compared at the middle of the exchange", () =>
    expect(clockOffset({ askedAt: 1_000, answeredAt: 1_200, theirs: 5_100 })).to.equal(-4_000));

  it("an offset is wrong by at most half the exchange", () => {
    const ms = fc.integer({ min: 0, max: 3_000 });
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: -4e6, max: 4e6 }), (there, back, ahead) => {
        // The other's clock reads `1e9 - ahead` at this clock's 1e9.
        const reading = { askedAt: 1e9, answeredAt: 1e9 + there + back, theirs: 1e9 + there - ahead };
        expect(Math.abs(clockOffset(reading) - ahead)).to.be.at.most((there + back) / 2 + 1);
      }),
    );
  });

  it("agree when the worst of them does", () => {
    expect(agreement([])).to.deep.equal({ isClose: true, worstMs: 0 });
    expect(agreement([200, -9_000])).to.deep.equal({ isClose: true, worstMs: -9_000 });
    expect(agreement([3_600_000, 4])).to.deep.equal({ isClose: false, worstMs: 3_600_000 });
  });
});

describe("timeServersOfLease", () => {
  it("finds what DHCP offered, and only addresses", () => {
    const lease = "ADDRESS=10.0.0.7\nNTP=10.0.0.1 fd00::1 x;y\nDOMAINNAME=lan\n";
    expect(timeServersOfLease(lease)).to.deep.equal(["10.0.0.1", "fd00::1"]);
    expect(timeServersOfLease("ADDRESS=10.0.0.7\n")).to.deep.equal([]);
  });
});

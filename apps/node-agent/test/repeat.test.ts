import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock, systemRng } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { pauseMs, repeat } from "../src/repeat.ts";

describe("pace", () => {
  // A Lease of 15 s is renewed every 5 s.
  const cases: readonly {
    readonly name: string;
    readonly tookMs: number;
    readonly failures: number;
    readonly pause: [number, number];
  }[] = [
    { name: "a quick round waits for the rest of its time", tookMs: 100, failures: 0, pause: [4900, 4900] },
    { name: "a slow round does not shift the next", tookMs: 4000, failures: 0, pause: [1000, 1000] },
    { name: "a round that took too long is followed at once", tookMs: 9000, failures: 0, pause: [0, 0] },
    { name: "a failed one is tried again soon", tookMs: 100, failures: 1, pause: [250, 500] },
    { name: "and then later", tookMs: 100, failures: 3, pause: [1000, 2000] },
    { name: "but never later than the regular pace", tookMs: 4000, failures: 50, pause: [2500, 5000] },
  ];
  for (const { name, tookMs, failures, pause } of cases) {
    it(name, () => {
      for (let seed = 0; seed < 100; seed += 1) {
        const ms = pauseMs({ everyMs: 5000, startedAt: 1000, now: 1000 + tookMs, failures }, seededRng(seed));
        expect(ms).to.be.within(...pause);
      }
    });
  }

  it("three renewals are tried within the life of a Lease, whatever the API does", () => {
    const callTimeoutMs = 4000;
    for (let seed = 0; seed < 100; seed += 1) {
      const rng = seededRng(seed);
      let at = 0;
      for (let failures = 1; failures <= 2; failures += 1) {
        at +=
          callTimeoutMs + pauseMs({ everyMs: 5000, startedAt: at, now: at + callTimeoutMs, failures }, rng);
      }
      expect(at).to.be.below(15_000 - 5000);
    }
  });
});

describe("repeat", () => {
  const options = { name: "test", everyMs: 1, clock: systemClock, rng: systemRng, logger: silentLogger };

  it("goes on after failures, and ends when it is told to", async () => {
    const stop = new AbortController();
    let rounds = 0;
    const round = async (): Promise<void> => {
      rounds += 1;
      if (rounds === 5) stop.abort();
      if (rounds % 2 === 0) throw new Error("even");
    };
    await repeat({ ...options, round }, stop.signal);
    expect(rounds).to.equal(5);
  });

  it("says the same failure once, and that it is over", async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const logger = {
      ...silentLogger,
      warn: (line: string) => void lines.push(line),
      info: (line: string) => void lines.push(line),
    };
    let rounds = 0;
    const round = async (): Promise<void> => {
      rounds += 1;
      if (rounds <= 3) throw new Error("no API");
      stop.abort();
    };
    await repeat({ ...options, logger, round }, stop.signal);
    expect(lines).to.deep.equal(["round failed", "works again"]);
  });

  it("a long pause ends at once when it is told to", async () => {
    const stop = new AbortController();
    const running = repeat({ ...options, everyMs: 3_600_000, round: async () => {} }, stop.signal);
    setImmediate(() => stop.abort());
    await running;
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { seededRng } from "@cluster-os/std";
import { RateLimiter, TokenBucket } from "../src/index.ts";

/** So much burst that only the failures of the key count. */
const UNLIMITED = { perSecond: 1e6, burst: 1e6 };

describe("RateLimiter", () => {
  it("waits 5 ms after the first failure and at most 1000 s, half of it by chance", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, failures) => {
        const limiter = new RateLimiter({ rng: seededRng(seed), overall: UNLIMITED });
        const delays = Array.from({ length: failures }, () => limiter.next("a", 0));
        for (const [index, delay] of delays.entries()) {
          const full = Math.min(1_000_000, 5 * 2 ** index);
          expect(delay).to.be.within(Math.floor(full / 2), full);
          // Until the longest delay is reached, a later failure never waits less than an earlier one.
          if (index > 0 && full < 1_000_000) expect(delay).to.be.at.least(delays[index - 1] as number);
        }
        expect(limiter.failures("a")).to.equal(failures);
      }),
    );
  });

  it("counts each key by itself", () => {
    const limiter = new RateLimiter({ rng: seededRng(1), overall: UNLIMITED });
    for (let failure = 0; failure < 10; failure += 1) limiter.next("bad", 0);
    expect(limiter.next("good", 0)).to.be.at.most(5);
  });

  it("keys that first fail with many others wait as well", () => {
    const limiter = new RateLimiter({ rng: seededRng(1), overall: { perSecond: 10, burst: 5 } });
    const delays = Array.from({ length: 15 }, (_, index) => limiter.next(`key-${index}`, 0));
    expect(delays.slice(0, 5).every((delay) => delay <= 5)).to.equal(true);
    expect(delays.slice(5)).to.deep.equal([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  });
});

describe("TokenBucket", () => {
  it("lets through the burst and then its rate, whenever it is asked", () => {
    const options = fc.record({
      perSecond: fc.integer({ min: 1, max: 1000 }),
      burst: fc.integer({ min: 1, max: 50 }),
    });
    const pauses = fc.array(fc.nat({ max: 500 }), { maxLength: 200 });
    fc.assert(
      fc.property(options, pauses, (limits, gaps) => {
        const bucket = new TokenBucket(limits);
        let now = 0;
        const uses = gaps.map((gap) => {
          now += gap;
          return now + bucket.reserve(now);
        });
        expect(uses).to.deep.equal([...uses].sort((left, right) => left - right));
        for (const [first, from] of uses.entries()) {
          for (const [last, until] of uses.entries()) {
            if (last < first) continue;
            const allowed = limits.burst + ((until - from + 1) * limits.perSecond) / 1000;
            expect(last - first + 1).to.be.at.most(Math.ceil(allowed) + 1);
          }
        }
      }),
    );
  });

  it("a clock that steps back takes nothing away", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 1 });
    expect(bucket.reserve(1000)).to.equal(0);
    expect(bucket.reserve(500)).to.equal(100);
    expect(bucket.reserve(1300)).to.equal(0);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { seededRng, type Instant } from "@cluster-os/std";
import { RateLimiter, WorkQueue } from "../src/index.ts";

/** The rules of the queue in the plainest form there is: lists that are searched from end to end. */
class NaiveQueue {
  readonly ready: string[] = [];
  readonly again = new Set<string>();
  readonly processing = new Set<string>();
  delayed: { key: string; at: Instant; order: number }[] = [];
  #order = 0;

  add(key: string): void {
    if (this.processing.has(key)) this.again.add(key);
    else if (!this.ready.includes(key)) this.ready.push(key);
  }

  addAfter(key: string, delayMs: number, now: Instant): void {
    if (delayMs <= 0) return this.add(key);
    const known = this.delayed.find((entry) => entry.key === key);
    if (known && known.at <= now + delayMs) return;
    this.delayed = this.delayed.filter((entry) => entry !== known);
    this.delayed.push({ key, at: now + delayMs, order: (this.#order += 1) });
  }

  take(now: Instant): string | undefined {
    const due = this.delayed
      .filter(({ at }) => at <= now)
      .sort((left, right) => left.at - right.at || left.order - right.order);
    this.delayed = this.delayed.filter((entry) => !due.includes(entry));
    for (const { key } of due) this.add(key);
    const key = this.ready.shift();
    if (key !== undefined) this.processing.add(key);
    return key;
  }

  done(key: string): void {
    this.processing.delete(key);
    if (this.again.delete(key)) this.ready.push(key);
  }
}

type Step =
  | { readonly do: "add"; readonly key: string }
  | { readonly do: "fail"; readonly key: string }
  | { readonly do: "add after"; readonly key: string; readonly ms: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "take" }
  | { readonly do: "done"; readonly which: number };

const key = fc.constantFrom("a", "b", "c", "d");
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("add" as const), key }),
    fc.record({ do: fc.constant("fail" as const), key }),
    fc.record({ do: fc.constant("add after" as const), key, ms: fc.integer({ min: -1, max: 50 }) }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ do: fc.constant("take" as const) }),
    fc.record({ do: fc.constant("done" as const), which: fc.nat({ max: 3 }) }),
  ),
  { maxLength: 120 },
);

/** Runs the steps on the queue and on the naive one; throws at the first difference, and at the end if a key is lost. */
function compare(queue: WorkQueue, history: readonly Step[]): void {
  const naive = new NaiveQueue();
  let now = 0;
  const take = (): string | undefined => {
    const taken = queue.take(now);
    expect(naive.processing.has(taken ?? ""), `${taken} was handed out twice at once`).to.equal(false);
    expect(taken).to.equal(naive.take(now));
    return taken;
  };
  const done = (taken: string): void => {
    queue.done(taken, now);
    naive.done(taken);
  };
  for (const step of history) {
    if (step.do === "add") {
      queue.add(step.key, now);
      naive.add(step.key);
    } else if (step.do === "fail") {
      naive.addAfter(step.key, queue.addRateLimited(step.key, now), now);
    } else if (step.do === "add after") {
      queue.addAfter(step.key, step.ms, now);
      naive.addAfter(step.key, step.ms, now);
    } else if (step.do === "pass") {
      now += step.ms;
    } else if (step.do === "take") {
      take();
    } else {
      const taken = [...naive.processing][step.which];
      if (taken !== undefined) done(taken);
    }
    expect(queue.processing).to.equal(naive.processing.size);
    expect(queue.wakeAt).to.equal(Math.min(Infinity, ...naive.delayed.map(({ at }) => at)));
  }
  // In the end every key that was asked for comes out.
  for (const taken of [...naive.processing]) done(taken);
  now = Number.MAX_SAFE_INTEGER;
  for (let taken = take(); taken !== undefined; taken = take()) done(taken);
  expect([queue.depth, queue.processing, queue.delayed]).to.deep.equal([0, 0, 0]);
}

const property = (make: () => WorkQueue) =>
  fc.property(steps, (history) => {
    compare(make(), history);
  });
const limiter = (): RateLimiter => new RateLimiter({ rng: seededRng(7) });

describe("WorkQueue beside a naive one", () => {
  it("hands out the same keys in the same order, loses none, and none twice at once", () => {
    fc.assert(
      property(() => new WorkQueue({ limiter: limiter() })),
      { numRuns: 2000 },
    );
  });

  /** Queues with a mistake each: the property has to find every one, or it proves nothing. */
  class ForgetsWhatComesDuringWork extends WorkQueue {
    readonly #working = new Set<string>();
    override add(added: string, now: Instant): void {
      if (!this.#working.has(added)) super.add(added, now);
    }
    override take(now: Instant): string | undefined {
      const taken = super.take(now);
      if (taken !== undefined) this.#working.add(taken);
      return taken;
    }
    override done(finished: string, now: Instant): void {
      this.#working.delete(finished);
      super.done(finished, now);
    }
  }
  class HandsOutTwice extends WorkQueue {
    readonly #working = new Set<string>();
    override take(now: Instant): string | undefined {
      const taken = super.take(now);
      if (taken === undefined) return undefined;
      super.done(taken, now);
      this.#working.add(taken);
      return taken;
    }
    override get processing(): number {
      return this.#working.size;
    }
    override done(finished: string): void {
      this.#working.delete(finished);
    }
  }
  class IsImpatient extends WorkQueue {
    override addAfter(added: string, delayMs: number, now: Instant): void {
      super.addAfter(added, delayMs > 45 ? delayMs - 1 : delayMs, now);
    }
  }
  class LosesRetries extends WorkQueue {
    override addRateLimited(): number {
      return 10;
    }
  }
  for (const Mutant of [ForgetsWhatComesDuringWork, HandsOutTwice, IsImpatient, LosesRetries]) {
    it(`finds a queue that ${Mutant.name}`, () => {
      const details = fc.check(
        property(() => new Mutant({ limiter: limiter() })),
        { numRuns: 2000 },
      );
      expect(details.failed).to.equal(true);
    });
  }
});

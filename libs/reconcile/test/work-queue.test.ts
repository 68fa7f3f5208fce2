import { expect } from "chai";
import { seededRng } from "@cluster-os/std";
import { RateLimiter, WorkQueue } from "../src/index.ts";

const newQueue = (): WorkQueue => new WorkQueue({ limiter: new RateLimiter({ rng: seededRng(1) }) });

/** Every key that may be taken now, in order; none is done. */
function takeAll(queue: WorkQueue, now: number): string[] {
  const taken: string[] = [];
  for (let key = queue.take(now); key !== undefined; key = queue.take(now)) taken.push(key);
  return taken;
}

describe("WorkQueue", () => {
  it("hands out a key once, however often it was added", () => {
    const queue = newQueue();
    for (const key of ["a", "b", "a", "a", "b"]) queue.add(key, 0);
    expect(takeAll(queue, 0)).to.deep.equal(["a", "b"]);
  });

  it("a key added while it is worked on comes once more, and not before its work ends", () => {
    const queue = newQueue();
    queue.add("a", 0);
    expect(queue.take(0)).to.equal("a");
    queue.add("a", 1);
    queue.add("a", 2);
    expect(queue.take(3)).to.equal(undefined);
    queue.done("a", 4);
    expect(takeAll(queue, 4)).to.deep.equal(["a"]);
    queue.done("a", 5);
    expect(queue.take(5)).to.equal(undefined);
  });

  it("a delayed key is ready when its delay ends; of two delays the shorter counts", () => {
    const queue = newQueue();
    queue.addAfter("a", 500, 0);
    queue.addAfter("a", 100, 0);
    queue.addAfter("a", 300, 0);
    queue.addAfter("b", 200, 0);
    expect([queue.delayed, queue.wakeAt, queue.take(99)]).to.deep.equal([2, 100, undefined]);
    expect(takeAll(queue, 200)).to.deep.equal(["a", "b"]);
    expect(queue.wakeAt).to.equal(Infinity);
  });

  it("a key that is added before its delay ends is looked at now and then", () => {
    const queue = newQueue();
    queue.addAfter("a", 100, 0);
    queue.add("a", 10);
    expect(queue.take(10)).to.equal("a");
    queue.done("a", 20);
    expect(queue.take(99)).to.equal(undefined);
    expect(queue.take(100)).to.equal("a");
  });

  it("failures of a key wait longer and longer; a success begins anew", () => {
    const queue = newQueue();
    const delays = [1, 2, 3, 4].map(() => queue.addRateLimited("a", 0));
    expect(delays).to.deep.equal([...delays].sort((left, right) => left - right));
    expect(queue.failures("a")).to.equal(4);
    queue.forget("a");
    expect(queue.failures("a")).to.equal(0);
    expect(queue.addRateLimited("a", 0)).to.be.at.most(5);
  });

  it("refuses that a key is done which nobody took", () => {
    const queue = newQueue();
    queue.add("a", 0);
    expect(() => queue.done("a", 0)).to.throw("only a key that was taken");
  });

  it("tells what it does", () => {
    const seen: string[] = [];
    const queue = new WorkQueue({
      limiter: new RateLimiter({ rng: seededRng(1) }),
      metrics: {
        added: () => seen.push("added"),
        retried: () => seen.push("retried"),
        taken: (ms) => seen.push(`taken after ${ms}`),
        worked: (ms) => seen.push(`worked ${ms}`),
        depth: (count) => seen.push(`depth ${count}`),
        result: () => {},
      },
    });
    queue.add("a", 0);
    queue.add("a", 1);
    queue.take(5);
    queue.done("a", 12);
    queue.addRateLimited("a", 12);
    expect(seen).to.deep.equal(["added", "depth 1", "depth 0", "taken after 5", "worked 7", "retried"]);
  });

  it("stays quick with many keys", () => {
    const queue = newQueue();
    const keys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`);
    for (const key of keys) queue.add(key, 0);
    for (const key of keys) {
      expect(queue.take(1)).to.equal(key);
      queue.done(key, 1);
    }
    expect(queue.depth).to.equal(0);
  });
});

import { expect } from "chai";
import { seededRng, silentLogger } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { Loop } from "../src/loop.ts";

const common = { name: "test", rng: seededRng(1), logger: silentLogger };

describe("Loop", () => {
  it("never loses a poke, and never overlaps rounds", async () => {
    let rounds = 0;
    let running = 0;
    const round = async (): Promise<void> => {
      running += 1;
      expect(running).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      rounds += 1;
      running -= 1;
    };
    await using loop = new Loop({ ...common, round, everyMs: 60_000 });
    await waitFor(() => rounds === 1, { what: "the first round", timeoutMs: 8000, everyMs: 1 });
    loop.poke();
    await waitFor(() => rounds === 2, { what: "the poked round", timeoutMs: 8000, everyMs: 1 });
    loop.poke();
    loop.poke();
    await waitFor(() => rounds >= 3, { what: "the next poked round", timeoutMs: 8000, everyMs: 1 });
  });

  it("goes on after a round that throws", async () => {
    let rounds = 0;
    const round = (): Promise<void> => {
      rounds += 1;
      return rounds === 1 ? Promise.reject(new Error("once")) : Promise.resolve();
    };
    await using _loop = new Loop({ ...common, round, everyMs: 1 });
    await waitFor(() => rounds > 2, { what: "rounds after the failure", timeoutMs: 8000, everyMs: 5 });
  });

  it("stops a round in flight", async () => {
    let reason: unknown;
    const loop = new Loop({
      ...common,
      everyMs: 1,
      round: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason as Error);
          });
        }),
    });
    await loop[Symbol.asyncDispose]();
    expect(reason).to.be.instanceOf(Error);
  });
});

import { expect } from "chai";
import { seededRng, silentLogger, type Logger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import { again, DONE, NO_METRICS, TerminalError, type Reconcile, type ResultKind } from "../src/index.ts";
import { Controller, type ControllerOptions } from "../src/drivers/index.ts";

function controllerOf(reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Controller {
  const rng = seededRng(1);
  const common = { name: "test", clock: systemClock, rng, logger: silentLogger };
  const controller = new Controller({ ...common, reconcile, ...options });
  controller.start();
  return controller;
}

const within = (what: string) => ({ what, timeoutMs: 5000, everyMs: 1 });

/** Runs until `resume` is called, whatever happens meanwhile. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe("Controller", () => {
  it("looks at every key, never at one twice at once, and at no more than its workers", async () => {
    const running = new Set<string>();
    const seen = new Map<string, number>();
    let most = 0;
    await using controller = controllerOf(
      async (key) => {
        expect(running.has(key), key).to.equal(false);
        running.add(key);
        most = Math.max(most, running.size);
        await delay(1);
        running.delete(key);
        seen.set(key, (seen.get(key) ?? 0) + 1);
      },
      { concurrency: 3 },
    );
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    for (const key of [...keys, ...keys]) controller.enqueue(key);
    await waitFor(() => seen.size === keys.length && running.size === 0, within("all keys"));
    expect(most).to.equal(3);
    expect(Math.max(...seen.values())).to.be.at.most(2);
  });

  it("looks once more at a key that is enqueued while it is worked on", async () => {
    const first = gate();
    let looks = 0;
    await using controller = controllerOf(async () => {
      looks += 1;
      if (looks === 1) await first.opened;
    });
    controller.enqueue("a");
    await waitFor(() => looks === 1, within("the first look"));
    controller.enqueue("a");
    controller.enqueue("a");
    first.open();
    await waitFor(() => looks === 2, within("the second look"));
  });

  it("keys wait for start, and for their delay", async () => {
    const seen: string[] = [];
    const controller = new Controller({
      name: "test",
      clock: systemClock,
      rng: seededRng(1),
      logger: silentLogger,
      reconcile: (key) => Promise.resolve(void seen.push(key)),
    });
    await using _stopped = controller;
    controller.enqueue("late", { afterMs: 30 });
    controller.enqueue("soon");
    await delay(1);
    expect(seen).to.deep.equal([]);
    controller.start();
    await waitFor(() => seen.length === 2, within("both"));
    expect(seen).to.deep.equal(["soon", "late"]);
  });

  it("comes back when the reconcile says so", async () => {
    let looks = 0;
    await using controller = controllerOf(() => Promise.resolve((looks += 1) < 3 ? again(1) : DONE));
    controller.enqueue("a");
    await waitFor(() => looks === 3, within("the third look"));
    await delay(10);
    expect(looks).to.equal(3);
  });

  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- just that is what is tested
  const rejected = (thrown: unknown): Promise<never> => Promise.reject(thrown);
  const throws: readonly { readonly name: string; readonly reconcile: () => unknown }[] = [
    { name: "rejects", reconcile: () => Promise.reject(new Error("refused")) },
    {
      name: "throws before its first await",
      reconcile: () => {
        throw new Error("at once");
      },
    },
    { name: "rejects with nothing", reconcile: () => rejected(undefined) },
    { name: "rejects with something that has no text", reconcile: () => rejected(Object.create(null)) },
    { name: "answers nonsense", reconcile: () => Promise.resolve({ kind: "again", afterMs: Number.NaN }) },
    { name: "answers with an empty object", reconcile: () => Promise.resolve({}) },
  ];
  for (const { name, reconcile } of throws) {
    it(`tries again after a reconcile that ${name}`, async () => {
      let looks = 0;
      await using controller = controllerOf(() => {
        looks += 1;
        return looks < 3 ? (reconcile() as Promise<void>) : Promise.resolve();
      });
      controller.enqueue("a");
      await waitFor(() => looks === 3, within("the third look"));
      await delay(20);
      expect(looks).to.equal(3);
    });
  }

  it("a terminal error is not tried again, until the key is enqueued anew", async () => {
    const results: ResultKind[] = [];
    let looks = 0;
    await using controller = controllerOf(
      () => {
        looks += 1;
        return looks === 1 ? Promise.reject(new TerminalError("no such thing")) : Promise.resolve();
      },
      { metrics: { ...NO_METRICS, result: (kind) => results.push(kind) } },
    );
    controller.enqueue("a");
    await waitFor(() => looks === 1, within("the first look"));
    await delay(30);
    expect(looks).to.equal(1);
    controller.enqueue("a");
    await waitFor(() => results.length === 2, within("the second look"));
    expect(results).to.deep.equal(["terminal-error", "success"]);
  });

  it("aborts a reconcile that takes too long, says why, and tries again", async () => {
    const lines: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (_, fields) => lines.push(String(fields?.["error"])),
      child: () => logger,
    };
    let looks = 0;
    await using controller = controllerOf(
      async (_, signal) => {
        looks += 1;
        if (looks === 1) await delay(60_000, signal);
      },
      { timeoutMs: 20, logger },
    );
    controller.enqueue("a");
    await waitFor(() => looks === 2, within("the second look"));
    expect(lines).to.deep.equal(["test a took longer than 0.02 s"]);
    expect(controller.isHealthy).to.equal(true);
  });

  it("is unhealthy while a reconcile ignores its abort, and works on with the workers that are left", async () => {
    const stuck = gate();
    const seen: string[] = [];
    await using controller = controllerOf(
      async (key) => {
        if (key === "stuck" && !seen.includes("free")) await stuck.opened;
        seen.push(key);
      },
      { timeoutMs: 5, stuckAfterMs: 5, concurrency: 2 },
    );
    controller.enqueue("stuck");
    controller.enqueue("free");
    await waitFor(() => seen.includes("free"), within("the other key"));
    await waitFor(() => !controller.isHealthy, within("being unhealthy"));
    stuck.open();
    await waitFor(() => controller.isHealthy, within("being healthy"));
  });

  it("works off what is ready before it stops, and drops what is delayed", async () => {
    const seen: string[] = [];
    const controller = controllerOf(async (key) => {
      await delay(1);
      seen.push(key);
      return again(1);
    });
    for (const key of ["a", "b", "c"]) controller.enqueue(key);
    controller.enqueue("later", { afterMs: 60_000 });
    const stopping = controller.stop(5000);
    controller.enqueue("too late");
    await stopping;
    expect(seen).to.deep.equal(["a", "b", "c"]);
    await delay(10);
    expect(seen).to.have.length(3);
  });

  it("aborts what is not done within the grace, and does not wait for ever", async () => {
    let reason: unknown;
    const controller = controllerOf(
      async (key, signal) => {
        if (key === "deaf") return new Promise(() => {});
        await delay(60_000, signal).catch((error: unknown) => (reason = error));
      },
      { concurrency: 2 },
    );
    controller.enqueue("deaf");
    controller.enqueue("listens");
    await delay(1);
    await controller.stop(20);
    expect(String(reason)).to.contain("test stops");
  });

  it("can be stopped before it was started, and twice", async () => {
    const controller = new Controller({
      name: "test",
      clock: systemClock,
      rng: seededRng(1),
      logger: silentLogger,
      reconcile: () => Promise.reject(new Error("must not run")),
    });
    controller.enqueue("a");
    await controller.stop(1000);
    await controller.stop(1000);
    expect(() => controller.start()).to.throw("starts once");
  });

  it("tells how long keys waited, how long they took, and how they ended", async () => {
    const results: ResultKind[] = [];
    const took: number[] = [];
    const metrics = {
      ...NO_METRICS,
      result: (kind: ResultKind) => results.push(kind),
      worked: (ms: number) => took.push(ms),
    };
    let looks = 0;
    await using controller = controllerOf(
      async () => {
        looks += 1;
        await delay(10);
        if (looks === 1) throw new Error("once");
        return looks === 2 ? again(1) : DONE;
      },
      { metrics },
    );
    controller.enqueue("a");
    await waitFor(() => took.length === 3, within("three looks"));
    expect(results).to.deep.equal(["error", "requeue-after", "success"]);
    expect(took.every((ms) => ms >= 9)).to.equal(true);
  });
});

import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { expect } from "chai";
import { bootTimeMs } from "../src/index.ts";
import { Bench, stateOf } from "./bench.ts";

const LEASE_MS = 1200;
/** A deadline that no test waits for. */
const LONG_MS = 50_000;
/** How late a process may see its end on a machine that has much else to do: a kernel needs the processor for it, too. */
const LATE_MS = 1000;
const isRoot = process.getuid?.() === 0;

const vouched = async (bench: Bench, leaseMs: number, epoch = 1): Promise<number> => {
  const deadlineMs = bootTimeMs() + leaseMs;
  const { refused } = await bench.client.extend(epoch, deadlineMs);
  expect(refused).to.equal(undefined);
  return deadlineMs;
};

describe("fencer", function () {
  this.timeout(60_000);

  it("starts nothing before somebody vouches for it", async () => {
    await using bench = await Bench.open();
    expect(await bench.client.status()).to.include({ state: "waiting", pid: 0, epoch: 0, starts: 0 });
  });

  it("runs it while somebody vouches, and one that vouches anew finds the same process", async () => {
    await using bench = await Bench.open();
    await vouched(bench, LONG_MS);
    const pid = await bench.acting();
    await vouched(bench, LONG_MS);
    expect(await bench.client.status()).to.include({ state: "running", pid, epoch: 1, starts: 1 });
  });

  it("asks it to end shortly before the deadline, so that it saves everything, and waits", async () => {
    await using bench = await Bench.open({ options: ["--grace-ms", "500"] });
    await vouched(bench, LEASE_MS);
    const pid = (await bench.client.status()).pid;
    await bench.untilGone(pid);
    const after = await bench.until("waiting", async () => {
      const status = await bench.client.status();
      return status.state === "waiting" && status;
    });
    expect(after).to.deep.include({ pid: 0, lastExit: { code: 0, signal: 15 }, starts: 1 });
  });

  it("kills what does not end by itself, and goes on when it is vouched for again", async () => {
    await using bench = await Bench.open({
      options: ["--grace-ms", "500"],
      program: ["/bin/sh", "-c", "trap '' TERM; sleep 60"],
    });
    await vouched(bench, LEASE_MS);
    await bench.until("the kill", async () => (await bench.client.status()).lastExit.signal === 9);
    await vouched(bench, LONG_MS);
    expect(await bench.client.status()).to.include({ state: "running", starts: 2 });
  });

  it("starts it again when it dies by itself", async () => {
    await using bench = await Bench.open();
    await vouched(bench, LONG_MS);
    const pid = await bench.acting();
    process.kill(pid, "SIGKILL");
    const next = await bench.until("another process", async () => {
      const status = await bench.client.status();
      return status.starts === 2 && status;
    });
    expect(next).to.deep.include({ state: "running", lastExit: { code: 0, signal: 9 } });
    expect(next.pid).not.to.equal(pid);
  });

  it("ends with it when it is asked to end itself", async () => {
    await using bench = await Bench.open();
    await vouched(bench, LONG_MS);
    const pid = await bench.acting();
    bench.fencer.kill("SIGTERM");
    await bench.untilGone(pid);
    await bench.until("its own end", () => bench.fencer.exitCode === 0);
  });

  for (const { name, options, expected } of [
    { name: "this machine's name without an alias", options: [], expected: hostname() },
    { name: "the alias as its host name", options: ["--alias", "slurmctl"], expected: "slurmctl" },
  ]) {
    it(`gives the program ${name}`, async function () {
      if (!isRoot) return this.skip();
      const { mkdtemp, rm } = await import("node:fs/promises");
      const folder = await mkdtemp("/tmp/fencer-alias-");
      try {
        const script = `uname -n >${folder}/new; mv ${folder}/new ${folder}/name; exec sleep 60`;
        await using bench = await Bench.open({ options, program: ["/bin/sh", "-c", script] });
        await vouched(bench, LONG_MS);
        const seen = await bench.until("a name", () =>
          readFile(`${folder}/name`, "utf8").catch(() => undefined),
        );
        expect(seen.trim()).to.equal(expected);
        expect(hostname()).not.to.equal("slurmctl");
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }
});

describe("fencer: who may vouch", function () {
  this.timeout(60_000);

  const cases: readonly { name: string; epoch: number; inMs: number; refused: string }[] = [
    {
      name: "nobody in the past, as one whose request was held up",
      epoch: 2,
      inMs: -1,
      refused: "has passed",
    },
    { name: "nobody for longer than a minute at once", epoch: 2, inMs: 61_000, refused: "too far ahead" },
    { name: "nobody of an older epoch", epoch: 1, inMs: LONG_MS, refused: "an older epoch" },
    { name: "nobody of another epoch while it runs", epoch: 3, inMs: LONG_MS, refused: "another epoch" },
  ];
  for (const { name, epoch, inMs, refused } of cases) {
    it(name, async () => {
      await using bench = await Bench.open();
      await vouched(bench, LONG_MS, 2);
      const before = await bench.client.status();
      expect((await bench.client.extend(epoch, bootTimeMs() + inMs)).refused).to.include(refused);
      const after = await bench.client.status();
      expect(after).to.deep.equal({ ...before, nowMs: after.nowMs });
    });
  }

  it("nobody of an epoch that was given up", async () => {
    await using bench = await Bench.open();
    await vouched(bench, LONG_MS, 2);
    const { pid } = await bench.client.status();
    await bench.client.stop(2);
    await bench.untilGone(pid);
    for (const epoch of [1, 2])
      expect((await bench.client.extend(epoch, bootTimeMs() + LONG_MS)).refused).to.include("given up");
    await vouched(bench, LONG_MS, 3);
    expect(await bench.client.status()).to.include({ state: "running", epoch: 3 });
  });

  it("nobody by words it does not know", async () => {
    await using bench = await Bench.open();
    expect((await bench.client.extend(1.5, bootTimeMs() + 1000)).refused).to.include("no such request");
    expect(await bench.client.status()).to.include({ state: "waiting" });
  });
});

describe("fencer: whatever is frozen or killed, nothing is done after the deadline", function () {
  this.timeout(60_000);

  /** The last act has to lie before the deadline, by the clock that the program itself wrote down. */
  const expectNothingAfter = async (bench: Bench, pid: number, deadlineMs: number): Promise<void> => {
    expect(Math.max(...(await bench.times(pid)))).to.be.at.most(deadlineMs + LATE_MS);
  };

  it("the agent is killed", async () => {
    await using bench = await Bench.open({ options: ["--grace-ms", "0"] });
    const agent = bench.agent(LEASE_MS);
    await bench.until("its start", async () => (await bench.client.status()).starts === 1);
    const pid = await bench.acting();
    agent.kill("SIGKILL");
    const { deadlineMs } = await bench.client.status();
    await bench.untilGone(pid);
    await expectNothingAfter(bench, pid, deadlineMs);
  });

  it("the agent is frozen for twice the lease, and resumed", async () => {
    await using bench = await Bench.open({ options: ["--grace-ms", "0"] });
    const agent = bench.agent(LEASE_MS);
    await bench.until("its start", async () => (await bench.client.status()).starts === 1);
    const pid = await bench.acting();
    agent.kill("SIGSTOP");
    const { deadlineMs } = await bench.client.status();
    await bench.until("twice the lease", () => bootTimeMs() > deadlineMs + 2 * LEASE_MS);
    expect(await bench.client.status()).to.include({ state: "waiting", starts: 1 });
    await expectNothingAfter(bench, pid, deadlineMs);
    // The real agent asks the API first whether it still may; this one does not, and so vouches again.
    agent.kill("SIGCONT");
    await bench.until("another start", async () => (await bench.client.status()).starts === 2);
  });

  it("the fencer is frozen: the kernel kills it in its sleep, and the program with it", async () => {
    await using bench = await Bench.open({ options: ["--grace-ms", "0"] });
    const { pid, deadlineMs } = await bench.actingFor(LEASE_MS);
    bench.fencer.kill("SIGSTOP");
    await bench.untilGone(pid);
    await bench.until("its own end", () => bench.fencer.signalCode === "SIGKILL");
    await expectNothingAfter(bench, pid, deadlineMs);
  });

  it("everything is frozen: nothing is left to resume", async () => {
    await using bench = await Bench.open({ options: ["--grace-ms", "0"] });
    const { pid, deadlineMs } = await bench.actingFor(3 * LEASE_MS);
    bench.fencer.kill("SIGSTOP");
    process.kill(pid, "SIGSTOP");
    await bench.until("the stop", async () => (await stateOf(pid)) !== "S" && (await stateOf(pid)) !== "R");
    const acts = (await bench.times(pid)).length;
    await bench.untilGone(pid);
    await bench.until("the fencer's end", () => bench.fencer.signalCode === "SIGKILL");
    expect((await bench.times(pid)).length).to.equal(acts);
    expect(bootTimeMs()).to.be.at.least(deadlineMs - 20);
  });

  it("the fencer is killed", async () => {
    await using bench = await Bench.open();
    await vouched(bench, LONG_MS);
    const pid = await bench.acting();
    bench.fencer.kill("SIGKILL");
    await bench.untilGone(pid);
  });

  it("the program took another program's place: it is still the fencer's", async () => {
    const script = "sleep 0.1; exec sleep 60";
    await using bench = await Bench.open({ program: ["/bin/sh", "-c", script] });
    await vouched(bench, LONG_MS);
    const { pid } = await bench.client.status();
    await bench.until("the other program", async () =>
      (await readFile(`/proc/${pid}/comm`, "utf8")).startsWith("sleep"),
    );
    bench.fencer.kill("SIGKILL");
    await bench.untilGone(pid);
  });

  it("the machine was suspended: the deadline is one of the time since boot, suspended time included", async function () {
    if (!isRoot) return this.skip();
    // A time namespace in which the machine slept for 30 seconds: CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC by as much.
    const slept = ["unshare", "--time", "--boottime", "30"];
    await using bench = await Bench.open({
      wrapper: [...slept, "--kill-child", "--"],
      options: ["--grace-ms", "0"],
    });
    const { nowMs } = await bench.client.status();
    expect(nowMs - bootTimeMs()).to.be.within(25_000, 35_000);
    expect((await bench.client.extend(1, nowMs)).refused).to.include("has passed");
    const { pid } = await bench.actingFor(LEASE_MS);
    await bench.untilGone(pid);
  });
});

import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@cluster-os/std";
import type { NodeId } from "@cluster-os/identity";
import { expect } from "chai";
import { begunPath } from "../src/departure/depart.ts";
import { Departure } from "../src/departure/departure.ts";
import { planDeparture, type DepartureObserved } from "../src/departure/plan.ts";

const SELF = `ed25519:${"7".repeat(64)}` as NodeId;
const { signal } = new AbortController();

describe("planDeparture", () => {
  const server: DepartureObserved = {
    role: "server",
    isToServe: true,
    hasOthers: true,
    isRetiring: false,
    mayReduce: false,
    plan: { reason: "n-b takes its place" },
    pause: undefined,
  };
  const held = { reason: "no worker is well", held: SELF };

  const cases: readonly [string, Partial<DepartureObserved>, string][] = [
    ["a worker goes", { role: "worker", isToServe: false }, "go"],
    ["so does a machine that is nothing of Kubernetes yet", { role: undefined, isToServe: false }, "go"],
    ["a server hands its place over first", {}, "retire"],
    ["and waits for that", { isRetiring: true }, "wait: n-b takes its place"],
    [
      "also while its part in the roles is over, and its API with it",
      { isRetiring: true, isToServe: false, plan: undefined },
      "wait: its place in the control plane cannot be handed over while the API does not answer",
    ],
    [
      "and while it becomes a worker",
      { isRetiring: true, isToServe: false, role: undefined },
      "wait: it is becoming a worker",
    ],
    ["then it goes", { isRetiring: true, isToServe: false, role: "worker" }, "go"],
    [
      "one that was chosen again meanwhile waits for the end of that",
      { isRetiring: true, role: "worker" },
      "wait: it is becoming a worker",
    ],
    [
      "one that is becoming a server is to be asked later",
      { role: undefined },
      "503: it is becoming a control-plane server at this moment; ask again in a minute",
    ],
    [
      "the only machine stays",
      { hasOthers: false },
      "409: it is the only machine: without it there would be no cluster",
    ],
    [
      "without anybody to take its place it asks",
      { plan: held },
      "409: no worker is well; with --anyway it goes all the same, and one vote fewer is left",
    ],
    ["a person said so: it retires (and autopilot lets it)", { mayReduce: true }, "retire"],
    [
      "the last server stays whatever a person says",
      { plan: held, mayReduce: true },
      "409: no worker is well, and it is the last server: its loss would end the control plane",
    ],
    [
      "a candidate that dies meanwhile is told",
      { plan: held, isRetiring: true },
      "409: no worker is well; with --anyway it goes all the same, and one vote fewer is left",
    ],
    [
      "without an API nothing is handed over",
      { plan: undefined },
      "503: its place in the control plane cannot be handed over while the API does not answer; see `cluster-os status`",
    ],
    [
      "a pause is respected",
      { pause: "disks are moved" },
      "409: autopilot is paused (disks are moved) and hands nothing over; run `cluster-os resume` first",
    ],
  ];
  for (const [name, change, expected] of cases) {
    it(name, () => {
      const step = planDeparture({ ...server, ...change });
      const reason = "reason" in step ? `: ${step.reason}` : "";
      expect(`${step.kind === "refuse" ? step.status : step.kind}${reason}`).to.equal(expected);
    });
  }
});

/** The process was killed here. */
class Killed extends Error {}

/** One machine with its disk; `killAt` cuts the daemon at the n-th thing it does to anything but its memory. */
class Machine {
  readonly departurePath: string;
  done: string[] = [];
  killAt = Infinity;
  role: "server" | "worker" | undefined = "server";
  isToServe = true;
  plan: DepartureObserved["plan"] = { reason: "n-b takes its place" };
  hasPods = true;
  isTold = false;
  hasMesh = true;
  ended: boolean | undefined;
  #isRetiring = false;

  constructor(folder: string) {
    this.departurePath = join(folder, "left");
  }

  /** A daemon as after its start. */
  daemon(): Departure {
    this.#isRetiring = false;
    return new Departure({
      self: SELF,
      clusterId: () => "c0ffee",
      observe: () => this.#look(),
      retire: (how) => void (this.#isRetiring = how !== undefined),
      stopLoops: () => this.#do("loops", () => {}),
      leaveKubernetes: () => this.#do("kubernetes", () => (this.hasPods = false)),
      departurePath: this.departurePath,
      tellOthers: () => this.#do("others", () => (this.isTold = true)),
      stopMesh: () => this.#do("mesh", () => (this.hasMesh = false)),
      onEnd: (hasLeft) => void (this.ended = hasLeft),
      clock: { now: () => 0, wallTime: () => 0 },
      patience: 1,
      logger: silentLogger,
    });
  }

  get isRetiring(): boolean {
    return this.#isRetiring;
  }

  /** Autopilot and this machine's own loops go on between two looks. */
  #look() {
    const seen = { role: this.role, isToServe: this.isToServe, plan: this.plan };
    if (this.#isRetiring && this.role === "server" && this.plan?.held === undefined) {
      if (this.isToServe) Object.assign(this, { isToServe: false, plan: undefined });
      else this.role = "worker";
    }
    return { ...seen, hasOthers: true, pause: undefined };
  }

  #do(what: string, effect: () => void): Promise<void> {
    if (this.done.length >= this.killAt) return Promise.reject(new Killed(what));
    this.done.push(what);
    effect();
    return this.done.length >= this.killAt ? Promise.reject(new Killed(what)) : Promise.resolve();
  }

  async isOut(): Promise<boolean> {
    return exists(this.departurePath);
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe("a departure", () => {
  let folder: string;
  let machine: Machine;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "departure-"));
    machine = new Machine(folder);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("of a server: its place, its work, a goodbye, and the mesh last", async () => {
    expect((await machine.daemon().leave({}, signal)).clusterId).to.equal("c0ffee");
    expect(machine).to.include({ role: "worker", ended: true });
    expect(machine.done).to.deep.equal(["loops", "kubernetes", "others", "mesh"]);
    expect(await machine.isOut()).to.equal(true);
  });

  it("that is refused begins nothing, and the machine may serve as before", async () => {
    const departure = machine.daemon();
    machine.plan = { reason: "no worker is well", held: SELF };
    const error = await departure.leave({}, signal).catch((refusal: unknown) => refusal);
    expect(error).to.have.property("status", 409);
    expect(machine).to.include({ role: "server", isRetiring: false, ended: undefined });
    expect(machine.done).to.deep.equal([]);
  });

  it("is called off while it waits: the others hear that the machine may serve", async () => {
    const calledOff = new AbortController();
    const departure = machine.daemon();
    machine.plan = { reason: "n-b is becoming a server" };
    const leaving = departure.leave({}, calledOff.signal).catch((error: unknown) => error);
    calledOff.abort(new Error("nobody waits"));
    expect(String(await leaving)).to.include("nobody waits");
    expect(machine).to.include({ isRetiring: false, ended: undefined });
    expect(departure.waitsFor).to.equal(undefined);
  });

  it("is one at a time", async () => {
    const departure = machine.daemon();
    const first = departure.leave({}, signal);
    const second = await departure.leave({}, signal).catch((error: unknown) => error);
    expect(second).to.have.property("status", 409);
    await first;
  });

  it("that cannot end work is gone on with after the next start", async () => {
    machine.killAt = 2;
    await machine
      .daemon()
      .leave({}, signal)
      .catch(() => undefined);
    expect(machine.ended).to.equal(false);
    machine.killAt = Infinity;
    await machine.daemon().resume(signal);
    expect(machine).to.include({ hasPods: false, isTold: true, hasMesh: false, ended: true });
    expect(await machine.isOut()).to.equal(true);
  });

  for (let killAt = 0; killAt <= 4; killAt += 1) {
    it(`killed at step ${killAt}: a member as before, or out for good after the next start`, async () => {
      machine.killAt = killAt;
      const error = await machine
        .daemon()
        .leave({}, signal)
        .catch((end: unknown) => end);
      expect(error).to.be.instanceOf(Killed);
      machine.killAt = Infinity;
      machine.done = [];
      const isBegun = await exists(begunPath(machine.departurePath));
      await machine.daemon().resume(signal);
      if (isBegun) {
        expect(machine).to.include({ hasPods: false, isTold: true, hasMesh: false });
        expect(await machine.isOut()).to.equal(true);
        expect(await exists(begunPath(machine.departurePath))).to.equal(false);
      } else {
        expect(machine).to.include({ hasPods: true, isTold: false, hasMesh: true });
        expect(machine.done).to.deep.equal([]);
        await machine.daemon().leave({}, signal);
        expect(await machine.isOut()).to.equal(true);
      }
    });
  }

  it("a machine that never left has nothing to go on with", async () => {
    await machine.daemon().resume(signal);
    expect(machine.done).to.deep.equal([]);
  });
});

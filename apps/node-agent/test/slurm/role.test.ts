import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import type { Nomination } from "@cluster-os/replication";
import { tokenKeyDigest, type ControllerObserved } from "../../src/slurm/controller.ts";
import type { MachineAction, SlurmKube } from "../../src/slurm/controller-role.ts";
import type { SlurmAction, SlurmObserved } from "../../src/slurm/plan.ts";
import type { NodeSight } from "../../src/slurm/report.ts";
import { SlurmRole, type SlurmMachine } from "../../src/slurm/role.ts";
import type { SlurmState, StateObserved } from "../../src/slurm/state.ts";
import type { SlurmSeen } from "../../src/slurm/wish.ts";
import { BARE, CONFIG, copy, fencer, keys, lease, ME, NOW_MS, OTHER, seen, THIRD } from "./fixtures.ts";

/** A machine and an API that do what they are told, and note it down in one list. */
class World implements SlurmMachine, SlurmKube {
  readonly acts: string[] = [];
  slurmdRestarts = 0;
  now = 0;
  api: SlurmSeen | undefined = seen();
  machine: SlurmObserved = BARE;
  controller: Omit<ControllerObserved, "state"> = { unit: "inactive" };
  copy: StateObserved = copy("leads");
  readonly state: SlurmState = {
    observe: () => this.copy,
    open: async () => void this.acts.push("open"),
    lead: ({ epoch }: Nomination) => void this.acts.push(`lead ${epoch}`),
    wishReplicas: (replicas) => void this.acts.push(`replicas ${replicas.length}`),
    save: async () => {
      if (this.isCutOff) throw new Error("no majority");
      this.acts.push("save");
    },
    [Symbol.asyncDispose]: async () => {},
  };
  /** No other copy answers. */
  isCutOff = false;
  refusal: string | undefined;
  /** How long the API takes to answer, or that it does not. */
  renewal: number | "fails" = 10;
  readonly role = new SlurmRole({
    machine: this,
    state: this.state,
    self: async () => ME,
    patience: 1,
    clock: { now: () => this.now, wallTime: () => NOW_MS + this.now },
    logger: silentLogger,
  });

  seen() {
    return this.api;
  }
  async renewController(_wallTimeMs: number, isGivenBack: boolean): Promise<void> {
    if (this.renewal === "fails") throw new Error("somebody else wrote the Lease");
    this.now += this.renewal;
    this.acts.push(isGivenBack ? "give back" : "renew");
  }
  async observe() {
    return this.machine;
  }
  /** What this machine cannot do. */
  broken: SlurmAction["kind"] | undefined;
  async act(action: SlurmAction): Promise<void> {
    if (action.kind === this.broken) throw new Error(`no ${action.kind} here`);
    this.acts.push(action.kind);
    if (action.kind === "write-environment") this.machine = { ...this.machine, environment: action.text };
    if (action.kind === "restart-unit" && action.unit === "slurmd.service") this.slurmdRestarts += 1;
    if (action.kind === "start-unit" && action.unit === "slurmd.service")
      this.machine = { ...this.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
  }
  async observeController() {
    return { tokenKeyDigest: tokenKeyDigest(keys().jwt), ...this.controller };
  }
  async actController(action: MachineAction) {
    this.acts.push(action.kind);
    return action.kind === "apply-config" ? this.refusal : undefined;
  }
  async extend(epoch: number, deadlineMs: number) {
    this.acts.push(`extend ${epoch} ${deadlineMs}`);
    return fencer({ epoch });
  }
  bootTimeMs() {
    return 100_000 + this.now;
  }
  async view(): Promise<NodeSight> {
    return { states: ["IDLE"] };
  }
  async manage() {
    return {
      jobs: { running: 1, pending: 2 },
      nodes: { total: 2, available: 2, down: 0, drained: 0 },
      drains: [],
    };
  }
  round = async () => {
    await this.role.round(this, new AbortController().signal);
    await this.role.look(new AbortController().signal);
  };
  keepState = () => this.role.keepState(this, new AbortController().signal);
  vouch = () => this.role.vouch(this, new AbortController().signal);
}

const RUNS: World["controller"] = { unit: "active", fencer: fencer(), configHash: CONFIG.hash };

describe("slurm: the role", () => {
  it("renews the Lease first, and grants from when it asked", async () => {
    const world = new World();
    world.controller = RUNS;
    world.renewal = 1500;
    await world.vouch();
    expect(world.acts).to.deep.equal(["renew", "extend 3 107500"]);
  });

  it("grants nothing when the renewal fails", async () => {
    const world = new World();
    world.controller = RUNS;
    world.renewal = "fails";
    expect(String(await world.vouch().catch((error: unknown) => error))).to.include("somebody else");
    expect(world.acts).to.deep.equal([]);
  });

  it("renews in good time and no more often", async () => {
    const world = new World();
    world.controller = RUNS;
    for (; world.now < 20_000; world.now += 500) await world.vouch();
    const renewals = world.acts.filter((act) => act === "renew").length;
    expect(renewals).to.be.within(20 / 2, 20 / 1.25);
  });

  it("touches neither Lease nor fencer where another holds it", async () => {
    const world = new World();
    world.api = seen({ lease: lease({ holder: OTHER.name }) });
    world.controller = RUNS;
    await world.vouch();
    expect(world.acts).to.deep.equal([]);
  });

  it("does nothing at all before it has seen the API", async () => {
    const world = new World();
    world.api = undefined;
    await world.round();
    await world.vouch();
    expect(world.acts).to.deep.equal([]);
    expect(world.role.report()).to.equal(undefined);
  });

  it("stops nothing where the API does not say", async () => {
    const world = new World();
    world.api = { ...seen(), config: undefined };
    world.machine = { ...BARE, units: { "munge.service": "active", "slurmd.service": "active" } };
    world.controller = RUNS;
    await world.round();
    await world.vouch();
    expect(world.acts).to.deep.equal([]);
  });

  it("brings up a bare machine and reports", async () => {
    const world = new World();
    await world.round();
    expect(world.acts).to.include.members([
      "use-key",
      "write-hosts",
      "start-unit",
      "apply-config",
      "start-controller",
    ]);
    world.controller = RUNS;
    world.now += 5000;
    await world.round();
    expect(world.role.report()).to.deep.include({
      slurmd: { state: "Running" },
      view: { states: ["IDLE"] },
      configHash: CONFIG.hash,
    });
    expect(world.role.report()?.controller).to.deep.include({
      epoch: 3,
      running: true,
      replica: { epoch: 3, sequence: 41 },
      members: [ME.name, OTHER.name, THIRD.name],
      jobs: { running: 1, pending: 2 },
    });
  });

  it("lets stand what was reported before its start until SLURM answers again, or for 20 s", async () => {
    for (const [answersAt, reportedAt] of [
      [9000, 9000],
      [Infinity, 21_000],
    ] as const) {
      const world = new World();
      world.machine = { ...world.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
      world.view = async () => (world.now >= answersAt ? { states: ["IDLE"] } : "silence");
      for (; world.now < reportedAt; world.now += 3000) {
        await world.round();
        expect(world.role.report()).to.equal(undefined);
      }
      await world.round();
      expect(world.role.report()?.slurmd?.state).to.equal("Running");
    }
  });

  it("has slurmd register anew where slurmctld answers and does not know this node", async () => {
    const world = new World();
    world.machine = { ...world.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
    world.view = async () => "unknown";
    const rounds = async (untilMs: number) => {
      for (; world.now < untilMs; world.now += 3000) await world.round();
    };
    await rounds(3000);
    const before = world.slurmdRestarts;
    await rounds(20_000);
    expect(world.slurmdRestarts).to.equal(before);
    await rounds(30_000);
    expect(world.slurmdRestarts).to.equal(before + 1);
    expect(world.role.report()?.view?.states).to.deep.equal(["UNKNOWN"]);
    world.view = async () => ({ states: ["IDLE"] });
    await rounds(90_000);
    expect(world.slurmdRestarts).to.equal(before + 1);
    expect(world.role.report()?.view?.states).to.deep.equal(["IDLE"]);
  });

  it("has slurmd register anew where slurmctld has given this node up", async () => {
    const world = new World();
    world.machine = { ...world.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
    const restartsWhile = async (states: string[]): Promise<number> => {
      world.view = async () => ({ states });
      const [before, until] = [world.slurmdRestarts, world.now + 45_000];
      for (; world.now < until; world.now += 3000) await world.round();
      return world.slurmdRestarts - before;
    };
    await restartsWhile(["IDLE"]);
    // slurmctld still asks it, or somebody took it away.
    expect(await restartsWhile(["IDLE", "NOT_RESPONDING"])).to.equal(0);
    expect(await restartsWhile(["DOWN"])).to.equal(0);
    expect(await restartsWhile(["DOWN", "DYNAMIC_NORM", "NOT_RESPONDING"])).to.equal(1);
    expect(world.role.report()?.view?.states).to.include("DOWN");
    expect(await restartsWhile(["IDLE"])).to.equal(0);
  });

  it("does so ever more seldom where it does not help", async () => {
    const world = new World();
    world.machine = { ...world.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
    world.view = async () => "unknown";
    const before = world.slurmdRestarts;
    for (; world.now < 3_600_000; world.now += 3000) await world.round();
    expect(world.slurmdRestarts - before).to.be.within(6, 12);
  });

  it("takes its part without the rule that leads connections to the controller, and says so", async () => {
    const world = new World();
    world.broken = "write-redirect";
    await world.round();
    expect(world.machine.units["slurmd.service"]).to.equal("active");
    expect(world.role.report()?.slurmd?.message ?? "").to.include("no write-redirect here");
  });

  it("does nothing that stands on what it could not do", async () => {
    const world = new World();
    world.broken = "write-environment";
    await world.round();
    expect(world.acts).not.to.include("start-unit");
  });

  it("leaves slurmd alone where slurmctld is silent", async () => {
    const world = new World();
    world.machine = { ...world.machine, units: { "munge.service": "active", "slurmd.service": "active" } };
    world.view = async () => "silence";
    for (; world.now < 90_000; world.now += 3000) await world.round();
    // Its environment was new to this machine.
    expect(world.slurmdRestarts).to.equal(1);
  });

  it("tells slurmctld's own words, and tries a refused configuration once", async () => {
    const world = new World();
    world.refusal = "scontrol: fatal: Unable to process configuration file";
    world.controller = { ...RUNS, configHash: "before" };
    for (let times = 0; times < 6; times += 1, world.now += 5000) await world.round();
    expect(world.acts.filter((act) => act === "apply-config")).to.have.length(1);
    expect(world.role.report()?.configRefused).to.deep.equal({ hash: CONFIG.hash, message: world.refusal });
    expect(world.role.report()?.configHash).to.equal("before");
  });

  it("gives the Lease back once everything is with a majority", async () => {
    const world = new World();
    world.api = seen({ lease: lease({ isReleaseWanted: true }) });
    world.controller = RUNS;
    await world.round();
    expect(world.acts).to.include("stop-controller").and.not.include("give back");
    world.controller = { unit: "inactive", configHash: CONFIG.hash };
    world.isCutOff = true;
    world.now += 5000;
    await world.round();
    expect(world.acts).not.to.include("give back");
    expect(world.role.report()?.slurmd?.message).to.include("no majority");
    world.isCutOff = false;
    world.now += 5000;
    await world.round();
    expect(world.acts.slice(-2)).to.deep.equal(["save", "give back"]);
  });

  it("starts slurmctld as soon as the state is in place, and not before", async () => {
    const world = new World();
    world.controller = { unit: "inactive", configHash: CONFIG.hash };
    world.copy = copy("follows");
    await world.round();
    expect(world.acts).to.include("lead 3").and.not.include("start-controller");
    world.copy = copy("takes-over");
    world.now += 500;
    await world.round();
    expect(world.role.report()?.slurmd?.message).to.equal(undefined);
    world.now += 3000;
    await world.round();
    expect(world.role.report()?.slurmd?.message).to.include("waits for a majority");
    expect(world.acts).not.to.include("start-controller");
    world.copy = copy("leads");
    world.now += 500;
    await world.round();
    expect(world.acts.at(-1)).to.equal("start-controller");
  });

  it("renews the Lease while it takes over, gives slurmctld no time by that, and does not do so for ever", async () => {
    const world = new World();
    world.controller = { unit: "inactive", configHash: CONFIG.hash };
    world.copy = copy("takes-over");
    for (; world.now < 120_000; world.now += 500) await world.vouch();
    expect(world.acts.every((act) => act === "renew")).to.equal(true);
    expect(world.acts).to.have.length.within(24 / 2, 24 / 1.25);
  });

  it("lets it run at once when that is done", async () => {
    const world = new World();
    world.controller = RUNS;
    world.copy = copy("takes-over");
    world.controller = { ...RUNS, fencer: fencer({ state: "waiting", pid: 0, epoch: 0, starts: 0 }) };
    await world.vouch();
    world.copy = copy("leads");
    world.now += 500;
    await world.vouch();
    expect(world.acts).to.deep.equal(["renew", "renew", "extend 3 108010"]);
  });

  it("is in a hurry from when it is named until slurmctld may run, and not for ever", async () => {
    const world = new World();
    world.controller = { unit: "inactive", configHash: CONFIG.hash };
    world.copy = copy("takes-over");
    expect(world.role.isTakingOver, "before it has looked").to.equal(false);
    await world.round();
    await world.vouch();
    expect(world.role.isTakingOver).to.equal(true);
    world.now += 20_000;
    expect(world.role.isTakingOver, "it waits for others").to.equal(false);

    // Long after this machine last held nothing.
    const later = new World();
    later.api = seen({ lease: lease({ holder: OTHER.name }) });
    await later.vouch();
    later.now += 60_000;
    later.api = seen();
    await later.round();
    expect(later.role.isTakingOver).to.equal(true);

    const quick = new World();
    quick.controller = { ...RUNS, fencer: fencer({ state: "waiting", pid: 0, epoch: 0, starts: 0 }) };
    quick.copy = copy("leads");
    await quick.round();
    expect(quick.role.isTakingOver).to.equal(true);
    await quick.vouch();
    expect(quick.role.isTakingOver, "slurmctld has its time").to.equal(false);
    quick.api = seen({ lease: lease({ epoch: 4 }) });
    await quick.round();
    expect(quick.role.isTakingOver, "it is named anew").to.equal(true);
    quick.api = seen({ lease: lease({ epoch: 5, holder: OTHER.name }) });
    await quick.round();
    expect(quick.role.isTakingOver, "another one is named").to.equal(false);
  });

  it("keeps a copy where the Lease names the machine, and tells who else is to", async () => {
    const world = new World();
    world.copy = { kind: "closed", isKept: false };
    await world.keepState();
    world.copy = copy("leads");
    world.api = seen({ lease: lease({ replicas: [ME.name] }) });
    await world.keepState();
    expect(world.acts).to.deep.equal(["open", "replicas 1"]);
  });

  const tokenKeys: readonly {
    readonly name: string;
    readonly controller: World["controller"];
    readonly generation: number | undefined;
  }[] = [
    { name: "those of the API", controller: RUNS, generation: keys().current.generation },
    { name: "of another key", controller: { ...RUNS, tokenKeyDigest: "another" }, generation: undefined },
    { name: "none yet", controller: { ...RUNS, tokenKeyDigest: undefined }, generation: undefined },
    { name: "none, where none runs", controller: { unit: "inactive" }, generation: undefined },
  ];
  for (const { name, controller, generation } of tokenKeys)
    it(`reports which keys' tokens slurmctld believes: ${name}`, async () => {
      const world = new World();
      world.controller = controller;
      await world.round();
      world.now += 20_000;
      await world.round();
      const report = world.role.report()?.controller;
      expect(report).to.include({ running: controller.fencer !== undefined });
      expect(report?.tokenKeyGeneration).to.equal(generation);
    });

  it("reports the copy of a machine that runs no controller", async () => {
    const world = new World();
    world.api = seen({ lease: lease({ holder: OTHER.name }) });
    world.copy = copy("follows");
    await world.round();
    expect(world.role.report()?.controller).to.deep.equal({
      epoch: 2,
      running: false,
      replica: { epoch: 2, sequence: 41 },
      members: [ME.name, OTHER.name, THIRD.name],
    });
  });
});

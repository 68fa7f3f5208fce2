import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordHistory, type Moment, type RecordedMachine } from "@cluster-os/simulator";
import { findHyperkube } from "@cluster-os/tools/api-server";
import { expect } from "chai";
import { execa } from "execa";
import { coverageOf, KINDS } from "./replay/acts.ts";

/** Small ones that hold everything between them; `nx run kubernetes:replay-autopilot` replays as many as wanted. */
const SEEDS = [1, 2, 3, 4, 5, 7, 8, 11, 16, 17];
const MINUTES = 5;
const PROGRAM = join(import.meta.dirname, "replay/main.ts");

describe("histories of the simulated control plane", () => {
  it("hold every act and fault, in the sample that is replayed", () => {
    const counts = SEEDS.map((seed) => coverageOf(recordHistory({ seed, durationS: MINUTES * 60 })));
    const missing = KINDS.filter((kind) => counts.every((count) => count[kind] === 0));
    expect(missing).to.deep.equal([]);
  });
});

describe("a real etcd beside the model of it", function () {
  this.timeout(300_000);
  let folder: string;

  before(async function () {
    const found = await findHyperkube();
    const isRoot = process.geteuid?.() === 0;
    if ("missing" in found || !isRoot) {
      const why = "missing" in found ? found.missing : "it makes network namespaces: run it as root";
      console.log(`      skipped: ${why}`);
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "histories-"));
  });

  after(async () => {
    if (folder) await rm(folder, { recursive: true });
  });

  it(`agrees with it in every moment of the seeds ${SEEDS.join(", ")}`, async () => {
    const { all, exitCode } = await run("--only", SEEDS.join(), "--minutes", String(MINUTES));
    expect(exitCode, all).to.equal(0);
  });

  it("disagrees with a history in which the model is wrong", async () => {
    const wrong = [
      { seed: 1, moments: [WELL, lost(3), afterRemoval(2, [1, 3])] },
      { seed: 2, moments: [WELL, { ...lost(2, 3), machines: [machine(true), OFF, OFF] }] },
      { seed: 3, moments: [WELL, { ...WELL, machines: [machine(false), machine(true), machine(true)] }] },
      { seed: 4, moments: [WELL, { ...WELL, members: WELL.members.map(learner) }] },
      { seed: 5, moments: [WELL, lost(3), announcing(4)] },
    ];
    const file = join(folder, "wrong.json");
    await writeFile(file, JSON.stringify(wrong));
    const { all, exitCode } = await run("--file", file, "--limit", "15", "--jobs", "5");
    expect(exitCode).to.equal(1);
    expect(all).to.match(/seed 1, moment 2 .*consent to remove machine 2.*unhealthy cluster/);
    expect(all).to.match(/seed 2, moment 1 .*a majority for machine 1/);
    expect(all).to.match(/seed 3, moment 1 .*machine 1 acknowledged a write without a majority/);
    expect(all).to.match(/seed 4, moment 1 .*etcd lists 1, 2, 3 instead of 1 \(learns\)/);
    expect(all).to.match(/seed 5, moment 2 .*consent to announce machine 4.*unhealthy cluster/);
  });
});

function run(...args: readonly string[]) {
  return execa(process.execPath, ["--conditions=@cluster-os/source", PROGRAM, ...args], {
    all: true,
    reject: false,
  });
}

const OFF: RecordedMachine = { power: "off", group: 0, hasMember: true, isServed: false };
const IDLE: RecordedMachine = { power: "on", group: 0, hasMember: false, isServed: false };
/** Three that serve, and one that could. */
const WELL: Moment = {
  atS: 0,
  changes: [],
  members: [1, 2, 3].map((rank) => ({ rank, isLearner: false })),
  machines: [machine(true), machine(true), machine(true), IDLE],
};

function machine(isServed: boolean): RecordedMachine {
  return { power: "on", group: 0, hasMember: true, isServed };
}

/** These lost their power, of those that serve. */
function lost(...ranks: readonly number[]): Moment {
  return { ...WELL, atS: 1, machines: WELL.machines.map((one, at) => (ranks.includes(at + 1) ? OFF : one)) };
}

/** A live voter is removed although another one is lost. */
function afterRemoval(rank: number, left: readonly number[]): Moment {
  return {
    atS: 2,
    changes: [{ kind: "remove", rank }],
    members: left.map((one) => ({ rank: one, isLearner: false })),
    machines: [machine(false), IDLE, OFF, IDLE],
  };
}

/** A new one is let in although a voter is lost. */
function announcing(rank: number): Moment {
  const members = [...WELL.members, { rank, isLearner: true }];
  return { ...lost(3), atS: 2, changes: [{ kind: "announce", rank }], members };
}

function learner({ rank }: Moment["members"][number]) {
  return { rank, isLearner: true };
}

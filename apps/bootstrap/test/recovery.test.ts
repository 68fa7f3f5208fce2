import { expect } from "chai";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import { generateIdentity, type NodeId } from "@cluster-os/identity";
import { seededRng, silentLogger } from "@cluster-os/std";
import { planRecovery, snapshotSources, type RecoveryObserved } from "../src/recovery/plan.ts";
import { Recovery } from "../src/recovery/recovery.ts";
import { chooseIndex } from "../src/server/admissions.ts";

const member = (name: string, healthy: boolean): EtcdMemberStatus => ({
  name,
  healthy,
  address: "",
  isLearner: false,
});
const three = (healthy: readonly string[]) =>
  ["n-a", "n-b", "n-c"].map((name) => member(name, healthy.includes(name)));

/** Two of three burnt; this machine has its data and two snapshots. */
const burnt: RecoveryObserved = {
  self: "n-a",
  role: "server",
  hasAuthorityKey: true,
  servers: ["n-a", "n-b", "n-c"],
  members: three([]),
  alive: ["n-a"],
  sources: [{ name: "own" }, { name: "new", takenAt: 2 }, { name: "old", takenAt: 1 }],
  wanted: undefined,
};
const LOST = "0 of 3 voters are healthy and 2 are needed: the API takes no writes; n-b and n-c are lost";

describe("snapshotSources", () => {
  const [first, second, third] = ["20261121T110000Z", "20261121T120000Z", "20261121T130000Z"];
  const takenAt = (hour: number): number => Date.UTC(2026, 10, 21, hour);

  it("has each snapshot once, the newest first; one that is here is taken from here", () => {
    const here = [{ name: second, takenAt: takenAt(12) }];
    const elsewhere = [
      { holder: "n-e", names: [third, second] },
      { holder: "n-d", names: [third, first, "../../etc/passwd"] },
    ];
    expect(snapshotSources(here, elsewhere)).to.deep.equal([
      { name: third, takenAt: takenAt(13), holders: ["n-d", "n-e"] },
      { name: second, takenAt: takenAt(12) },
      { name: first, takenAt: takenAt(11), holders: ["n-d"] },
    ]);
  });
});

describe("planRecovery", () => {
  const cases: readonly [string, Partial<RecoveryObserved>, string, string?][] = [
    ["from its own data, without those that are lost", {}, "restore own", LOST],
    ["from the snapshot that a person wants", { wanted: "old" }, "restore old"],
    [
      "of five, two are too few",
      { members: [...three(["n-a"]), member("n-d", true), member("n-e", false)], alive: ["n-a", "n-d"] },
      "restore own",
    ],
    ["where its etcd does not answer, the roles tell who voted", { members: [] }, "restore own", LOST],
    [
      "from a snapshot that other machines keep",
      { wanted: "far", sources: [{ name: "own" }, { name: "far", takenAt: 3, holders: ["n-d", "n-e"] }] },
      "restore far",
    ],
    [
      "not from a snapshot that is not there",
      { wanted: "other", sources: [...burnt.sources, { name: "far", takenAt: 0, holders: ["n-d", "n-e"] }] },
      "refuse: there is no snapshot other, here or on a machine that answers; there are own, new, old, far (kept by n-d and n-e)",
    ],
    [
      "not from one that is not there, and only the newest of the others are named",
      {
        wanted: "other",
        sources: ["f", "e", "d", "c", "b", "a"].map((name, at) => ({ name, takenAt: 6 - at })),
      },
      "refuse: there is no snapshot other, here or on a machine that answers; there are f, e, d, c, b and older ones",
    ],
    [
      "not from one that is not there, where there is nothing else",
      { wanted: "other", sources: [] },
      "refuse: there is no snapshot other, here or on a machine that answers; there is none",
    ],
    ["not without anything", { sources: [] }, "refuse: there is neither data of etcd here nor a snapshot"],
    [
      "not where a majority is well",
      { members: three(["n-a", "n-b"]) },
      "refuse: etcd has a majority: there is nothing to recover",
      "2 of 3 voters are healthy: etcd has its majority of 2",
    ],
    [
      "not while the machine of another voter lives: that loses nothing",
      { alive: ["n-a", "n-b"] },
      "refuse: n-b lives: a majority is there once etcd runs on them again, and then nothing is lost",
    ],
    [
      "not on a worker",
      { role: "worker" },
      "refuse: this machine is no control-plane server: run it on one of n-a, n-b, n-c",
    ],
    [
      "not without the authority key",
      { hasAuthorityKey: false },
      "refuse: this machine has no authority key, so nobody would believe it",
    ],
  ];
  for (const [name, change, expected, state] of cases) {
    it(name, () => {
      const plan = planRecovery({ ...burnt, ...change });
      expect(plan.kind === "refuse" ? `refuse: ${plan.reason}` : `restore ${plan.source.name}`).to.equal(
        expected,
      );
      if (state !== undefined) expect(plan.state).to.equal(state);
    });
  }
});

describe("a recovery", () => {
  function scene(observed: RecoveryObserved = burnt) {
    const done: string[] = [];
    const recovery = new Recovery({
      observe: (wanted) => Promise.resolve({ ...observed, wanted }),
      sourceOf: ({ name, holders }) => {
        if (holders?.includes("n-gone")) return Promise.reject(new Error("n-gone: the cable"));
        return Promise.resolve({ kind: "snapshot", path: name });
      },
      restore: (source) => Promise.resolve(void done.push(JSON.stringify(source))),
      logger: silentLogger,
    });
    return { recovery, done };
  }

  it("does nothing before it is confirmed, and says what it would do", async () => {
    const { recovery, done } = scene();
    expect(await recovery.recover({})).to.deep.include({
      state: LOST,
      lost: ["n-b", "n-c"],
      source: "own",
      isDone: false,
    });
    expect(done).to.deep.equal([]);
  });

  it("is done once it is", async () => {
    const { recovery, done } = scene();
    expect(await recovery.recover({ confirmed: true, source: "new" })).to.deep.include({
      takenAtMs: 2,
      isDone: true,
    });
    expect(done).to.deep.equal(['{"kind":"snapshot","path":"new"}']);
  });

  for (const confirmed of [false, true])
    it(`tells which machines keep what it ${confirmed ? "began" : "would begin"} from`, async () => {
      const sources = [...burnt.sources, { name: "far", takenAt: 0, holders: ["n-d", "n-e"] }];
      const { recovery } = scene({ ...burnt, sources });
      expect(await recovery.recover({ confirmed, source: "far" })).to.deep.include({
        source: "far",
        holders: ["n-d", "n-e"],
        isDone: confirmed,
      });
      expect(await recovery.recover({ source: "new" })).to.not.have.property("holders");
    });

  it("does nothing where the snapshot cannot be fetched, and may be tried again", async () => {
    const sources = [...burnt.sources, { name: "far", takenAt: 0, holders: ["n-gone"] }];
    const { recovery, done } = scene({ ...burnt, sources });
    const failure = await recovery.recover({ confirmed: true, source: "far" }).catch(String);
    expect(failure).to.equal("Error: n-gone: the cable");
    expect(done).to.deep.equal([]);
    expect((await recovery.recover({ confirmed: true })).isDone).to.equal(true);
  });

  it("is not done where a lost voter came back while the snapshot was fetched", async () => {
    const looks = [burnt, { ...burnt, members: three(["n-a", "n-b"]) }];
    let isRestored = false;
    const recovery = new Recovery({
      observe: () => Promise.resolve(looks.shift() ?? burnt),
      sourceOf: () => Promise.resolve({ kind: "own" }),
      restore: () => Promise.resolve(void (isRestored = true)),
      logger: silentLogger,
    });
    const answer = await recovery.recover({ confirmed: true });
    expect(answer).to.deep.include({
      refusal: "etcd has a majority: there is nothing to recover",
      isDone: false,
    });
    expect(isRestored).to.equal(false);
  });

  it("is refused whatever is confirmed while a majority is well", async () => {
    const { recovery, done } = scene({ ...burnt, members: three(["n-a", "n-b", "n-c"]) });
    expect((await recovery.recover({ confirmed: true })).refusal).to.include("nothing to recover");
    expect(done).to.deep.equal([]);
  });
});

describe("the index of a machine that is admitted", () => {
  const [first, second] = [1, 2].map((seed) => generateIdentity(seededRng(seed)).nodeId) as [NodeId, NodeId];

  it("is none that a signed record gives to another, though etcd forgot it", () => {
    expect(chooseIndex(new Map([[1, first]]), second, 4)).to.equal(2);
    expect(
      chooseIndex(
        new Map([
          [1, first],
          [2, second],
        ]),
        second,
        4,
      ),
    ).to.equal(2);
  });
});

import { seededRng, silentLogger } from "@cluster-os/std";
import { delay, systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { KubeClient, LeaderElector, microTime, RESOURCES, type Lease } from "../src/index.ts";
import { planElection, type SeenLease } from "../src/leader/plan.ts";
import { FakeApiServer, NO_FAULTS } from "./fake/index.ts";

const LEASE = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "l", namespace: "n" },
};
/** Where nothing is to expire: a busy machine may keep this process waiting for a second. */
const PATIENT = { leaseMs: 12_000, renewDeadlineMs: 8000, retryMs: 60 };
/** Where the leader is to give up: two seconds before another may lead. */
const HASTY = { leaseMs: 3000, renewDeadlineMs: 1000, retryMs: 60 };

describe("what a candidate does", () => {
  const lease = (spec: Lease["spec"], seenAt = 0): SeenLease => ({
    lease: { ...LEASE, ...(spec && { spec }) },
    seenAt,
  });
  const now = microTime(50_000);
  const long = { leaseDurationSeconds: 15, renewTime: "long ago", acquireTime: "then", leaseTransitions: 3 };
  const mine = { holderIdentity: "me", leaseDurationSeconds: 15, renewTime: now };
  const table = [
    {
      name: "no lease: makes it",
      seen: undefined,
      at: 0,
      expected: { kind: "create", spec: { ...mine, acquireTime: now, leaseTransitions: 0 } },
    },
    {
      name: "another's: waits",
      seen: lease({ ...long, holderIdentity: "you" }),
      at: 14_999,
      expected: { kind: "wait" },
    },
    {
      name: "another's, not renewed for as long as it says, on this clock: takes it",
      seen: lease({ ...long, holderIdentity: "you" }),
      at: 15_000,
      expected: { kind: "replace", spec: { ...mine, acquireTime: now, leaseTransitions: 4 } },
    },
    {
      name: "given back: takes it at once",
      seen: lease({ ...long, holderIdentity: "" }, 9),
      at: 9,
      expected: { kind: "replace", spec: { ...mine, acquireTime: now, leaseTransitions: 4 } },
    },
    {
      name: "an empty lease: takes it at once",
      seen: lease(undefined, 9),
      at: 9,
      expected: { kind: "replace", spec: { ...mine, acquireTime: now, leaseTransitions: 1 } },
    },
    {
      name: "its own: renews it",
      seen: lease({ ...long, holderIdentity: "me" }),
      at: 1,
      expected: { kind: "replace", spec: { ...long, ...mine } },
    },
  ];
  for (const { name, seen, at, expected } of table)
    it(name, () =>
      expect(planElection(seen, "me", { at, wallTime: 50_000 }, 15_000)).to.deep.equal(expected),
    );
});

describe("leader election", () => {
  let fake: FakeApiServer;
  let clients: KubeClient[];
  let electors: LeaderElector[];
  let lost: string[];
  let lostAt: number;

  beforeEach(async () => {
    fake = await FakeApiServer.start([RESOURCES.lease]);
    [clients, electors, lost] = [[], [], []];
  });
  afterEach(async () => {
    await Promise.all(electors.map((elector) => elector.stop()));
    for (const client of clients) client[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  function candidate(identity: string, times = PATIENT): LeaderElector {
    const client = new KubeClient(fake.connection);
    const elector = new LeaderElector({
      client,
      namespace: "n",
      name: "l",
      identity,
      times,
      clock: systemClock,
      rng: seededRng(identity.charCodeAt(0)),
      logger: silentLogger,
      onLost: (error) => {
        lost.push(`${identity}: ${error.message}`);
        lostAt = Date.now();
      },
    });
    clients.push(client);
    electors.push(elector);
    elector.start();
    return elector;
  }
  const leaders = () => electors.filter(({ isLeader }) => isLeader).length;
  const lease = () => fake.world.get("leases", "n/l") as unknown as Lease;
  const failWrites = (): void => {
    // A lease that no write fits any more, as if the API were away for this candidate.
    fake.faults = { ...NO_FAULTS, request: () => ({ kind: "status", code: 500 }) };
    fake.world.replace = () => {
      throw new Error("away");
    };
  };

  it("one of several leads, and stays", async () => {
    const all = ["a", "b", "c"].map((identity) => candidate(identity));
    await Promise.race(all.map((elector) => elector.elected()));
    for (let look = 0; look < 10; look += 1) {
      expect(leaders()).to.equal(1);
      await delay(80);
    }
    expect([lease().spec?.leaseTransitions, lost]).to.deep.equal([0, []]);
  });

  it("gives the lease back, and the next leads sooner than it would end", async () => {
    const first = candidate("a");
    await first.elected();
    const second = candidate("b");
    await delay(100);
    const begun = performance.now();
    await first.stop();
    expect(lease().spec?.holderIdentity).to.be.oneOf(["", "b"]);
    await second.elected();
    expect(performance.now() - begun).to.be.lessThan(PATIENT.leaseMs / 2);
    expect(lease().spec?.leaseTransitions).to.equal(1);
    expect(lost).to.deep.equal([]);
  });

  it("who cannot renew gives up before another may lead", async () => {
    const first = candidate("a", HASTY);
    await first.elected();
    failWrites();
    await waitFor(() => lost.length > 0, { what: "the end", timeoutMs: 8000, everyMs: 5 });
    expect(first.isLeader).to.equal(false);
    expect(lost).to.deep.equal(["a: the lease l could not be renewed for 1 s"]);
    // Counted from before the first look at the lease, so a slow look leaves less of it.
    const age = lostAt - Date.parse(lease().spec?.renewTime ?? "");
    expect(age).to.be.greaterThan(0).and.lessThan(HASTY.leaseMs);
  });

  it("who finds another in the lease is none any more", async () => {
    const first = candidate("a");
    await first.elected();
    fake.world.mergePatch("leases", "n/l", { spec: { holderIdentity: "z" } });
    await waitFor(() => lost.length > 0, { what: "the end", timeoutMs: 8000, everyMs: 5 });
    expect(lost).to.deep.equal(["a: the lease l is z's now"]);
  });

  it("a write of which no answer came is no reason to give up", async () => {
    const first = candidate("a");
    await first.elected();
    const unanswered = microTime(Date.now() - 1);
    fake.world.mergePatch("leases", "n/l", { spec: { renewTime: unanswered } });
    await waitFor(() => lease().spec?.renewTime !== unanswered, { what: "a renewal", timeoutMs: 8000 });
    expect([first.isLeader, lost]).to.deep.equal([true, []]);
  });

  it("times that would let two lead are refused", () => {
    const options = { clock: systemClock, rng: seededRng(1), logger: silentLogger, onLost: () => {} };
    const client = new KubeClient(fake.connection);
    const times = { leaseMs: 1000, renewDeadlineMs: 1000 };
    expect(
      () => new LeaderElector({ client, namespace: "n", name: "l", identity: "a", times, ...options }),
    ).to.throw("gives up before another takes over");
    client[Symbol.dispose]();
  });
});

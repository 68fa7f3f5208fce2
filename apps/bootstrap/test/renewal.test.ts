import type { CertificateState, EtcdMemberStatus } from "@cluster-os/kubernetes";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { judgeRenewal, Renewal } from "../src/kubernetes/renewal.ts";

const { signal } = new AbortController();
const member = (name: string, change: Partial<EtcdMemberStatus> = {}): EtcdMemberStatus => ({
  name,
  address: "10.86.0.1",
  isLearner: false,
  healthy: true,
  ...change,
});
const WELL = { kind: "server", etcdMembers: [member("n-a"), member("n-b"), member("n-c")] } as const;
const WORKER = { kind: "worker", etcdMembers: [] } as const;

describe("whether certificates are renewed now", () => {
  const lost = { ...WELL, etcdMembers: [member("n-a"), member("n-b", { healthy: false }), member("n-c")] };
  const joining = { ...WELL, etcdMembers: [member("n-a"), member("", { isLearner: true })] };
  const table = [
    ["current", WELL, "nothing"],
    ["current", lost, "nothing"],
    ["due", WELL, "in-turn"],
    ["due", { ...WELL, etcdMembers: [member("n-a")] }, "in-turn"],
    ["due", lost, "wait"],
    ["due", joining, "wait"],
    ["due", { ...WELL, etcdMembers: [] }, "wait"],
    ["due", WORKER, "at-once"],
    ["urgent", WELL, "in-turn"],
    ["urgent", lost, "in-turn"],
    ["urgent", WORKER, "at-once"],
    ["expired", { ...WELL, etcdMembers: [] }, "at-once"],
    ["begun", lost, "at-once"],
  ] as const satisfies readonly (readonly [CertificateState, Parameters<typeof judgeRenewal>[1], string])[];
  for (const [state, status, expected] of table) {
    const seen = status.etcdMembers.map(
      ({ name, healthy }) => `${name || "a learner"}${healthy ? "" : " lost"}`,
    );
    it(`${state}, a ${status.kind} that sees ${seen.join(", ") || "no etcd"}: ${expected}`, () => {
      expect(judgeRenewal(state, status).kind).to.equal(expected);
    });
  }

  it("who is waited for is named", () => {
    expect(judgeRenewal("due", lost)).to.deep.include({ reason: "n-b is no voter that is well" });
    expect(judgeRenewal("due", joining)).to.deep.include({ reason: "10.86.0.1 is no voter that is well" });
  });
});

describe("a renewal", () => {
  let now = 0;
  let state: CertificateState;
  let isFree: boolean;
  let failure: Error | undefined;
  let done: string[];
  let renewal: Renewal;

  beforeEach(() => {
    [now, state, isFree, failure, done] = [0, "due", true, undefined, []];
    renewal = new Renewal({
      distribution: {
        certificates: () => Promise.resolve(state),
        renewCertificates: async () => {
          done.push("renewed");
          if (failure) throw failure;
          state = "current";
        },
      },
      slot: {
        take: () => Promise.resolve(isFree && done.push("taken") > 0),
        giveBack: async () => void done.push("given back"),
      },
      clock: { now: () => now, wallTime: () => 0 },
      patience: 1,
      step: (name) => done.push(name),
      logger: silentLogger,
    });
  });

  it("takes the slot, renews, and gives it back, once", async () => {
    await renewal.round(WELL, signal);
    now += 86_400_000;
    await renewal.round(WELL, signal);
    expect(done).to.deep.equal(["taken", "renewed", "certificates renewed", "given back"]);
  });

  it("waits for the slot, and asks again in the next round", async () => {
    isFree = false;
    await renewal.round(WELL, signal);
    expect(done).to.deep.equal([]);
    isFree = true;
    await renewal.round(WELL, signal);
    expect(done).to.include("renewed");
  });

  it("looks once a minute while nothing is due", async () => {
    state = "current";
    await renewal.round(WELL, signal);
    state = "due";
    now += 59_000;
    await renewal.round(WELL, signal);
    expect(done).to.deep.equal([]);
    now += 1000;
    await renewal.round(WELL, signal);
    expect(done).to.include("renewed");
  });

  it("that failed is not tried again for an hour, and keeps the slot to itself no longer than it lasts", async () => {
    failure = new Error("no");
    const told = await renewal.round(WELL, signal).catch((error: unknown) => error);
    expect(told).to.equal(failure);
    now += 3_599_000;
    await renewal.round(WELL, signal);
    expect(done).to.deep.equal(["taken", "renewed"]);
    now += 1000;
    failure = undefined;
    await renewal.round(WELL, signal);
    expect(done).to.include("certificates renewed");
  });

  it("asks nobody where nobody can answer", async () => {
    [state, isFree] = ["expired", false];
    await renewal.round({ kind: "server", etcdMembers: [] }, signal);
    expect(done).to.deep.equal(["renewed", "certificates renewed"]);
  });

  it("is through although the slot cannot be given back", async () => {
    const broken = new Renewal({
      distribution: {
        certificates: () => Promise.resolve("due"),
        renewCertificates: () => Promise.resolve(),
      },
      slot: { take: () => Promise.resolve(true), giveBack: () => Promise.reject(new Error("no API")) },
      clock: { now: () => 0, wallTime: () => 0 },
      patience: 1,
      step: (name) => done.push(name),
      logger: silentLogger,
    });
    await broken.round(WELL, signal);
    expect(done).to.deep.equal(["certificates renewed"]);
  });
});

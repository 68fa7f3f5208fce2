import type { CertificateState, EtcdMemberStatus } from "@cluster-os/kubernetes";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { judgeRenewal, Renewal, type RenewalSlot, type Surroundings } from "../src/kubernetes/renewal.ts";

const { signal } = new AbortController();
const member = (name: string, change: Partial<EtcdMemberStatus> = {}): EtcdMemberStatus => ({
  name,
  address: "10.86.0.1",
  isLearner: false,
  healthy: true,
  ...change,
});
const WELL: Surroundings = {
  kind: "server",
  etcdMembers: [member("n-a"), member("n-b"), member("n-c")],
  unready: [],
};
const WORKER: Surroundings = { kind: "worker", etcdMembers: [], unready: [] };
const ALONE: Surroundings = { ...WELL, etcdMembers: [member("n-a")] };
const SILENT: Surroundings = { ...WELL, etcdMembers: [] };

describe("whether certificates are renewed now", () => {
  const lost = { ...WELL, etcdMembers: [member("n-a"), member("n-b", { healthy: false }), member("n-c")] };
  const joining = { ...WELL, etcdMembers: [member("n-a"), member("", { isLearner: true })] };
  const unready = { ...WELL, unready: ["n-c"] };
  const table: readonly (readonly [CertificateState, string, Surroundings, string])[] = [
    ["current", "all well", WELL, "nothing"],
    ["current", "one lost", lost, "nothing"],
    ["due", "all well", WELL, "renew in turn"],
    ["due", "alone", ALONE, "renew in turn"],
    ["due", "one lost", lost, "wait"],
    ["due", "one joining", joining, "wait"],
    ["due", "one whose API server does not answer", unready, "wait"],
    ["due", "no etcd", SILENT, "wait"],
    ["due", "a worker", WORKER, "renew"],
    ["urgent", "all well", WELL, "renew in turn"],
    ["urgent", "one lost", lost, "renew in turn"],
    ["urgent", "a worker", WORKER, "renew"],
    ["expired", "no etcd", SILENT, "renew in turn, API or not"],
    ["expired", "a worker", WORKER, "renew, API or not"],
    ["begun", "one lost", lost, "renew in turn, API or not"],
  ];
  for (const [state, name, surroundings, expected] of table) {
    it(`${state}, ${name}: ${expected}`, () => {
      const verdict = judgeRenewal(state, surroundings);
      const how =
        verdict.kind === "renew"
          ? [verdict.takesTurn && " in turn", verdict.isPressing && ", API or not"]
          : [];
      expect(`${verdict.kind}${how.filter(Boolean).join("")}`).to.equal(expected);
    });
  }

  it("who is waited for is named", () => {
    expect(judgeRenewal("due", lost)).to.deep.include({ reason: "n-b is no voter that is well" });
    expect(judgeRenewal("due", joining)).to.deep.include({ reason: "10.86.0.1 is no voter that is well" });
    expect(judgeRenewal("due", unready)).to.deep.include({ reason: "the API server of n-c does not answer" });
  });
});

describe("a renewal", () => {
  let now = 0;
  let state: CertificateState;
  let turn: Awaited<ReturnType<RenewalSlot["take"]>>;
  let isClockRight: boolean;
  let isHeard: boolean;
  let isRecorded: boolean;
  let failure: Error | undefined;
  let done: string[];
  let renewal: Renewal;

  beforeEach(() => {
    [now, state, turn, failure, done] = [0, "due", "taken", undefined, []];
    [isClockRight, isHeard, isRecorded] = [true, true, true];
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
        take: async () => {
          if (turn === "taken") done.push("taken");
          return turn;
        },
        giveBack: async () => {
          if (!isHeard) throw new Error("no API");
          done.push("given back");
        },
      },
      isClockRight: () => Promise.resolve(isClockRight),
      record: async (at) => {
        if (!isRecorded) throw new Error("no API");
        done.push(`recorded for ${at}`);
      },
      clock: { now: () => now, wallTime: () => 1_000 + now },
      patience: 1,
      step: (name) => done.push(name),
      logger: silentLogger,
    });
  });

  const after = async (ms: number, surroundings = WELL): Promise<readonly string[]> => {
    now += ms;
    done.length = 0;
    await renewal.round(surroundings, signal);
    return [...done];
  };

  it("takes the slot, renews, and gives it back, once", async () => {
    expect(await after(0)).to.deep.equal([
      "taken",
      "renewed",
      "certificates renewed",
      "recorded for 1000",
      "given back",
    ]);
    expect(await after(86_400_000)).to.deep.equal([]);
  });

  it("waits for its turn, and asks again in the next round", async () => {
    turn = "another machine has its turn";
    expect(await after(0)).to.deep.equal([]);
    turn = "taken";
    expect(await after(10_000)).to.include("renewed");
  });

  it("waits for the clock, whatever presses", async () => {
    [state, isClockRight] = ["expired", false];
    expect(await after(0)).to.deep.equal([]);
    isClockRight = true;
    expect(await after(10_000)).to.include("renewed");
  });

  it("looks once a minute while nothing is due", async () => {
    state = "current";
    await after(0);
    state = "due";
    expect(await after(59_000)).to.deep.equal([]);
    expect(await after(1000)).to.include("renewed");
  });

  it("that failed is tried again after an hour, or after a minute where there is no time to lose", async () => {
    failure = new Error("no");
    expect(await after(0).catch((error: unknown) => error)).to.equal(failure);
    expect(await after(3_599_000)).to.deep.equal([]);
    state = "begun";
    expect(await after(1000).catch((error: unknown) => error)).to.equal(failure);
    failure = undefined;
    expect(await after(59_000)).to.deep.equal([]);
    expect(await after(1000)).to.include("certificates renewed");
  });

  it("goes on without its turn where the API cannot answer, and not while another machine has it", async () => {
    [state, turn] = ["expired", "another machine has its turn"];
    expect(await after(0, SILENT)).to.deep.equal([]);
    turn = "unreachable";
    expect(await after(10_000, SILENT)).to.include("renewed");
    [state, turn] = ["urgent", "unreachable"];
    expect(await after(86_400_000, SILENT)).to.deep.equal([]);
  });

  it("asks for no turn on a worker", async () => {
    expect(await after(0, WORKER)).to.deep.equal(["renewed", "certificates renewed"]);
  });

  it("is recorded once, with its time, as soon as that can be", async () => {
    isRecorded = false;
    expect(await after(5)).to.deep.equal(["taken", "renewed", "certificates renewed", "given back"]);
    expect(await after(10_000)).to.deep.equal([]);
    isRecorded = true;
    expect(await after(10_000)).to.deep.equal(["recorded for 1005"]);
    expect(await after(10_000)).to.deep.equal([]);
  });

  it("gives its turn back until that is heard, and no longer than it lasts", async () => {
    isHeard = false;
    expect(await after(0)).to.include("certificates renewed");
    isHeard = true;
    expect(await after(10_000)).to.deep.equal(["given back"]);
    [state, isHeard] = ["due", false];
    await after(86_400_000);
    isHeard = true;
    expect(await after(181_000)).to.deep.equal([]);
  });
});

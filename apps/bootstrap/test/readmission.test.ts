import type { NodeId } from "@cluster-os/identity";
import type { JoinCredentials, KubeletAccess, NodePlacement } from "@cluster-os/kubernetes";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { Readmission } from "../src/kubernetes/readmission.ts";

const { signal } = new AbortController();
const MINUTE_MS = 60_000;
const CREDENTIALS = { role: "worker" } as JoinCredentials;

describe("a kubelet whose certificate has ended", () => {
  let now: number;
  let access: KubeletAccess;
  let isClockRight: boolean;
  let helper: NodeId | undefined;
  let granted: JoinCredentials | undefined;
  let done: string[];
  let readmission: Readmission;

  beforeEach(() => {
    [now, access, isClockRight, done] = [0, "ended", true, []];
    [helper, granted] = ["ed25519:a" as NodeId, CREDENTIALS];
    readmission = new Readmission({
      distribution: {
        kubeletAccess: () => Promise.resolve(access),
        readmit: async ({ credentials }) => {
          done.push(credentials ? "readmitted by another" : "readmitted by itself");
          access = "asking";
        },
        endReadmission: async () => {
          done.push("tidied up");
          access = "good";
        },
      },
      placement: () => ({}) as NodePlacement,
      helper: () => helper,
      requestCredentials: async (from) => {
        done.push(`asked ${from}`);
        return granted;
      },
      isClockRight: () => Promise.resolve(isClockRight),
      clock: { now: () => now, wallTime: () => now },
      patience: 1,
      step: (name) => done.push(name),
      logger: silentLogger,
    });
  });

  const after = async (ms: number, kind: "server" | "worker" | "none" = "worker") => {
    now += ms;
    done.length = 0;
    await readmission.round(kind, signal);
    return [...done];
  };

  it("gets what it asks with from another server, and loses it once it has another certificate", async () => {
    expect(await after(0)).to.deep.equal(["asked ed25519:a", "readmitted by another"]);
    expect(await after(5_000)).to.deep.equal([]);
    access = "granted";
    expect(await after(5_000)).to.deep.equal(["tidied up", "kubelet has another certificate"]);
    expect(await after(MINUTE_MS)).to.deep.equal([]);
  });

  it("of a server needs nobody: perhaps no API answers for that very reason", async () => {
    helper = undefined;
    expect(await after(0, "server")).to.deep.equal(["readmitted by itself"]);
  });

  it("waits for a server that answers, and for its turn", async () => {
    helper = undefined;
    expect(await after(0)).to.deep.equal([]);
    [helper, granted] = ["ed25519:b" as NodeId, undefined];
    expect(await after(5_000)).to.deep.equal(["asked ed25519:b"]);
    granted = CREDENTIALS;
    expect(await after(5_000)).to.include("readmitted by another");
  });

  it("is given something new to ask with where it got nothing for ten minutes", async () => {
    await after(0);
    expect(await after(9 * MINUTE_MS)).to.deep.equal([]);
    expect(await after(2 * MINUTE_MS)).to.include("readmitted by another");
  });

  it("that was asking when bootstrap started anew has as long", async () => {
    access = "asking";
    expect(await after(0)).to.deep.equal([]);
    expect(await after(11 * MINUTE_MS)).to.include("readmitted by another");
  });

  it("is not judged by a wrong clock", async () => {
    isClockRight = false;
    expect(await after(0)).to.deep.equal([]);
  });

  it("is looked at once a minute while it is good, and never where there is none", async () => {
    access = "good";
    await after(0);
    access = "ended";
    expect(await after(30_000)).to.deep.equal([]);
    expect(await after(30_000)).to.include("readmitted by another");
    access = "ended";
    expect(await after(MINUTE_MS, "none")).to.deep.equal([]);
  });
});

import { expect } from "chai";
import type { Lease } from "@cluster-os/kube";
import { Heartbeats } from "../src/heartbeats.ts";

function lease(renewTime?: string, leaseDurationSeconds = 15): Lease {
  const spec = { leaseDurationSeconds, ...(renewTime !== undefined && { renewTime }) };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "node-n-a" }, spec };
}

describe("Heartbeats", () => {
  it("a node is looked at when its heartbeat begins, and not at each beat", () => {
    const heartbeats = new Heartbeats();
    expect(heartbeats.judge("n-a", 0)).to.equal("never");
    expect(heartbeats.saw("n-a", lease(), 0)).to.equal(true);
    expect(heartbeats.saw("n-a", lease("t1"), 1000)).to.equal(true);
    expect(heartbeats.saw("n-a", lease("t2"), 6000)).to.equal(false);
    expect(heartbeats.saw("n-a", lease("t3"), 11_000)).to.equal(false);
    expect(heartbeats.judge("n-a", 12_000)).to.equal("fresh");
  });

  it("tells when to look for silence, and finds it then", () => {
    const heartbeats = new Heartbeats();
    heartbeats.saw("n-a", lease("t1"), 0);
    heartbeats.saw("n-a", lease("t2"), 5000);
    const inMs = heartbeats.lookAgainMs("n-a", 6000) as number;
    expect(inMs).to.equal(14_001);
    expect(heartbeats.judge("n-a", 6000 + inMs)).to.equal("expired");
    expect(heartbeats.lookAgainMs("n-a", 6000 + inMs)).to.equal(undefined);
    expect(heartbeats.saw("n-a", lease("t3"), 30_000)).to.equal(true);
    expect(heartbeats.judge("n-a", 30_000)).to.equal("fresh");
  });

  it("judges nobody by what it saw before it was to judge", () => {
    const heartbeats = new Heartbeats();
    heartbeats.saw("n-a", lease("t1"), 0);
    heartbeats.saw("n-a", lease("t2"), 5000);
    heartbeats.restart(60_000);
    expect(heartbeats.judge("n-a", 74_000)).to.equal("unjudged");
    expect(heartbeats.judge("n-a", 75_001)).to.equal("expired");
    expect(heartbeats.saw("n-a", lease("t3"), 66_000)).to.equal(true);
    expect(heartbeats.judge("n-a", 66_000)).to.equal("fresh");
  });

  it("calls nobody silent while it hears nothing at all, and then watches a whole lease", () => {
    const heartbeats = new Heartbeats();
    const hear = (beat: string, now: number): void => {
      heartbeats.heard(now);
      heartbeats.saw("a", lease(beat), now);
    };
    hear("t1", 0);
    hear("t2", 5_000);
    // The API server behind the watch lost its power.
    expect(heartbeats.judge("a", 21_000)).to.equal("unjudged");
    expect(heartbeats.lookAgainMs("a", 21_000)).to.be.within(1000, 15_000);
    // Another one answers; somebody else's Lease comes first.
    heartbeats.heard(30_000);
    expect(heartbeats.judge("a", 30_000)).to.equal("unjudged");
    for (let now = 32_000; now <= 46_000; now += 2000) heartbeats.heard(now);
    expect(heartbeats.judge("a", 46_000)).to.equal("expired");
  });

  it("a lease that is gone, and a node that is gone, were never heard", () => {
    const heartbeats = new Heartbeats();
    heartbeats.saw("n-a", lease("t1"), 0);
    expect(heartbeats.saw("n-a", undefined, 1000)).to.equal(true);
    expect(heartbeats.judge("n-a", 1000)).to.equal("never");
    heartbeats.saw("n-b", lease("t1"), 0);
    heartbeats.forget("n-b");
    expect(heartbeats.judge("n-b", 1)).to.equal("never");
  });

  it("believes a stream of slow machines' Leases for longer", () => {
    const [usual, patient] = [new Heartbeats(), new Heartbeats(10)];
    for (const heartbeats of [usual, patient]) {
      heartbeats.heard(0);
      heartbeats.saw("n-a", lease("t1", 20), 0);
      heartbeats.saw("n-a", lease("t2", 20), 1000);
    }
    expect(usual.judge("n-a", 30_000)).to.equal("unjudged");
    expect(patient.judge("n-a", 30_000)).to.equal("expired");
  });
});

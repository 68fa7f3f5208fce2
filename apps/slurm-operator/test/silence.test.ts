import { SLURM_CLUSTER_NAME, slurmLeaseObject } from "@cluster-os/api";
import type { Lease } from "@cluster-os/kube";
import { expect } from "chai";
import { Silence } from "../src/silence.ts";
import { lease } from "./fixtures.ts";

const renewed = (second: number, epoch = 4): Lease =>
  slurmLeaseObject(
    SLURM_CLUSTER_NAME,
    lease({ epoch, renewTime: `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000Z` }),
  );

describe("Silence", () => {
  it("is what follows on a Lease of 8 s and two more; the same version again is no renewal", () => {
    const silence = new Silence();
    silence.saw(renewed(0), 0);
    silence.saw(renewed(0), 9000);
    expect([silence.isSilent(10_000), silence.isSilent(10_001)]).to.deep.equal([false, true]);
    silence.saw(renewed(1), 10_001);
    expect(silence.isSilent(20_001)).to.equal(false);
  });

  it("is long after three leases of node-agents more; patience makes that later", () => {
    for (const [patience, judgedMs] of [
      [1, 45_000],
      [4, 180_000],
    ] as const) {
      const silence = new Silence(patience);
      silence.saw(renewed(0), 0);
      expect(silence.isSilentLong(10_000 + judgedMs)).to.equal(false);
      expect(silence.isSilentLong(10_001 + judgedMs)).to.equal(true);
    }
  });

  it("is looked for when it would begin, when it would be long, and then no more", () => {
    const silence = new Silence();
    expect(silence.lookAgainMs(0)).to.equal(undefined);
    silence.saw(renewed(0), 0);
    expect(silence.lookAgainMs(0)).to.equal(10_001);
    expect(silence.lookAgainMs(10_001)).to.equal(45_000);
    expect(silence.lookAgainMs(55_001)).to.equal(undefined);
  });

  it("begins anew with each epoch", () => {
    const silence = new Silence();
    silence.saw(renewed(0), 0);
    silence.saw(renewed(0, 5), 60_000);
    expect(silence.isSilent(69_000)).to.equal(false);
  });
});

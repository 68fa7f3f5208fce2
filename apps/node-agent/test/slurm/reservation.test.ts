import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { observeReservation, release, reserve, type Kubelet } from "../../src/drivers/kubelet-reservation.ts";

const SIGNAL = new AbortController().signal;

describe("slurm: the kubelet's own record of the jobs' share", () => {
  let root: string;
  let starts: string[][];
  let kubelet: Kubelet;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "cluster-os-kubelet-"));
    starts = [];
    const folder = join(root, "kubelet.conf.d");
    const restart = async (): Promise<void> => {
      starts.push(readdirSync(folder).filter((name) => name.endsWith(".conf")));
    };
    kubelet = { folder, restart };
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const observed = (): Promise<string | undefined> => observeReservation(kubelet);
  const cutOff = { restart: () => Promise.reject(new Error("the power is gone")) };

  it("is none on a machine that was told nothing", async () => {
    expect(await observed()).to.equal(undefined);
  });

  it("is there when the kubelet starts, and is known when it has", async () => {
    await reserve(kubelet, "{}\n", SIGNAL);
    expect(starts).to.deep.equal([["50-slurm-jobs.conf"]]);
    expect(await observed()).to.equal("{}\n");
  });

  it("is taken away before the kubelet starts", async () => {
    await reserve(kubelet, "{}\n", SIGNAL);
    await release(kubelet, SIGNAL);
    expect(starts.at(-1)).to.deep.equal([]);
    expect(readdirSync(kubelet.folder)).to.deep.equal([]);
    expect(await observed()).to.equal(undefined);
  });

  it("is not known before the kubelet has started, whatever was cut off", async () => {
    for (const text of ["one", "another"]) {
      const failure = await reserve({ ...kubelet, ...cutOff }, text, SIGNAL).catch((error: unknown) => error);
      expect(failure).to.be.an("error");
      expect(await observed()).to.equal("");
      await reserve(kubelet, text, SIGNAL);
      expect(await observed()).to.equal(text);
    }
    await release({ ...kubelet, ...cutOff }, SIGNAL).catch(() => {});
    expect(await observed()).to.equal("");
  });
});

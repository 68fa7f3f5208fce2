import type { RingKeyReport } from "@cluster-os/api";
import { expect } from "chai";
import { FakeLab, FakeMachine, NAMES, nodeStatus, revoked, type } from "./support.ts";

function report(stage: RingKeyReport["stage"], held: readonly number[]): RingKeyReport {
  const members = held.map((number, at) => ({
    name: NAMES[at] ?? "",
    status: "healthy" as const,
    number,
    isNewest: number === 2,
  }));
  return { number: 2, stage, members };
}

function labOf(...reports: readonly RingKeyReport[]): FakeLab {
  const worker = new FakeMachine(1, nodeStatus(1, { role: "worker" }));
  const server = new FakeMachine(2, nodeStatus(2, { role: "server" }));
  for (const machine of [worker, server]) machine.ringKeys = [...reports];
  return new FakeLab(worker, server);
}

describe("cluster-os key", () => {
  it("rotates on a server, and waits until all seal with the new key", async () => {
    const lab = labOf(report("staged", [1, 2, 1]), report("staged", [2, 2, 1]), report("active", [2, 2, 2]));
    const { exitCode, stdout } = await type("key rotate", { lab });
    expect(exitCode).to.equal(0);
    expect(stdout).to.equal(
      [
        "Ring key 2 seals what members tell each other; 3 of 3 living members hold it",
        "MEMBER         STATUS    RING KEY",
        ...NAMES.map((name) => `${name}   healthy   2`),
        "",
      ].join("\n"),
    );
    expect(lab.present[0]!.looks, "asks the server").to.equal(0);
  });

  it("says how things stand when that takes long", async () => {
    const { stdout } = await type("key rotate", { lab: labOf(report("staged", [2, 2, 1])) });
    expect(stdout).to.include("Ring key 2 is being handed to members; 2 of 3 living members hold it");
  });

  it("shows the status as JSON", async () => {
    const { stdout } = await type("key status -o json", { lab: labOf(report("active", [2, 2, 1])) });
    expect(JSON.parse(stdout)).to.deep.equal(report("active", [2, 2, 1]));
  });

  it("asks no machine that was revoked: it knows of no later key", async () => {
    const lab = labOf(report("active", [2, 2, 2]));
    const [first] = lab.present as [FakeMachine, FakeMachine];
    first.ringKeys = [{ ...report("active", [1, 1, 1]), number: 1 }];
    first.answer = revoked(nodeStatus(1));
    const { stdout } = await type("key status -o json", { lab });
    expect(JSON.parse(stdout)).to.deep.equal(report("active", [2, 2, 2]));
    await type("key rotate", { lab });
    expect(first.looks).to.equal(0);
  });

  it("of a machine that is alone and revoked, says what that machine knows", async () => {
    const thisMachine = new FakeMachine(1, revoked(nodeStatus(1)));
    thisMachine.ringKeys = [report("active", [1, 1, 1])];
    const { exitCode } = await type("key status", { lab: new FakeLab(), thisMachine });
    expect(exitCode).to.equal(0);
  });

  it("names the servers on a worker", async () => {
    const worker = new FakeMachine(1, nodeStatus(1, { role: "worker" }));
    const { exitCode, stderr } = await type("key rotate", { lab: new FakeLab(), thisMachine: worker });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("a server makes ring keys");
  });

  it("is not understood with another word", async () => {
    expect((await type("key turn", { lab: labOf() })).exitCode).to.equal(2);
    expect((await type("key", { lab: labOf() })).exitCode).to.equal(2);
  });
});

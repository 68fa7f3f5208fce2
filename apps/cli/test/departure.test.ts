import type { AutopilotStatus } from "@cluster-os/api";
import { expect } from "chai";
import { FakeLab, FakeMachine, NAMES, nodeStatus, type } from "./support.ts";

const [FIRST, SECOND] = NAMES;

/** A server that says what autopilot does. */
function server(number: number, autopilot: Partial<AutopilotStatus> = {}, voters: readonly string[] = NAMES) {
  const plan = { epoch: 1, servers: [...voters], wanted: 3, action: "nothing", reason: "all is well" };
  return new FakeMachine(number, {
    ...nodeStatus(number),
    controlPlane: {
      voters: voters.map((name, at) => ({ index: at + 1, name, healthy: true })),
      learners: [],
      autopilot: { ...plan, isLeader: number === 1, ...autopilot },
    },
  });
}

const PATCH = `kubectl --kubeconfig=/etc/kubernetes/admin.conf patch clusternode ${SECOND} --type=merge --patch=`;
const wish = (retiring: string | null, unschedulable: true | null) =>
  PATCH +
  JSON.stringify({
    metadata: { labels: { "cluster-os.dev/retiring": retiring } },
    spec: { unschedulable },
  });
const EVICT = `kubectl --kubeconfig=/etc/kubernetes/admin.conf drain ${SECOND} --ignore-daemonsets --delete-emptydir-data --timeout=300s`;

describe("cluster-os leave", () => {
  it("asks the machine, and says that it has left", async () => {
    const machines = [server(1), server(2)] as const;
    const { exitCode, stdout } = await type("leave m2", { lab: new FakeLab(...machines) });
    expect(exitCode).to.equal(0);
    expect(machines[1].ran).to.deep.equal(["leave {}"]);
    expect(stdout).to.equal(`${SECOND} has left cluster c0ffee\n`);
  });

  it("goes although nobody takes its place, if that is asked for", async () => {
    const machine = server(2);
    await type("leave m2 --anyway", { lab: new FakeLab(machine) });
    expect(machine.ran).to.deep.equal(['leave {"anyway":true}']);
  });

  it("tells what the machine waits for, each thing once", async () => {
    const machine = server(2);
    machine.leaving = async () => {
      for (const leaving of [
        "a worker becomes a server",
        "a worker becomes a server",
        "it becomes a worker",
      ]) {
        machine.answer = { ...nodeStatus(2), leaving };
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const { stderr } = await type("leave m2", { lab: new FakeLab(machine) });
    expect(stderr.match(/a worker becomes a server/g)).to.have.length(1);
    expect(stderr.match(/it becomes a worker/g)).to.have.length(1);
  });

  it("says why a machine stays", async () => {
    const machine = server(2);
    machine.leaving = () => Promise.reject(new Error("it is the only machine"));
    const { exitCode, stderr } = await type("leave m2", { lab: new FakeLab(machine) });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("it is the only machine");
  });
});

describe("cluster-os drain", () => {
  it("keeps new work off, moves pods, and waits until the node serves no more", async () => {
    const others = [FIRST, NAMES[2]];
    const machines = [server(1, {}, others), server(2, {}, others)] as const;
    const { exitCode, stdout } = await type("drain m2", { lab: new FakeLab(...machines) });
    expect(exitCode).to.equal(0);
    expect(machines[0].ran).to.deep.equal([wish("when-replaced", true), EVICT]);
    expect(stdout).to.include(`${SECOND} can be switched off`);
  });

  it("lets one vote fewer be left only where that is asked for", async () => {
    const [held, asked] = [server(1, { held: SECOND, reason: "no worker is well" }), server(1, {}, [FIRST])];
    const { exitCode, stderr } = await type(`drain ${SECOND}`, { lab: new FakeLab(held) });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include(`${SECOND} stays a server: no worker is well`).and.include("--anyway");
    await type(`drain ${SECOND} --anyway`, { lab: new FakeLab(asked) });
    expect(asked.ran[0]).to.equal(wish("anyway", true));
  });

  it("waits for a worker that is not well at the moment", async () => {
    const machine = server(1, { held: SECOND, reason: "no worker is well" });
    const { answer: well } = server(1, {}, [FIRST, NAMES[2]]);
    machine.answersInTurn.push(machine.answer, machine.answer, machine.answer, well);
    const { exitCode, stdout } = await type(`drain ${SECOND}`, { lab: new FakeLab(machine) });
    expect(exitCode).to.equal(0);
    expect(stdout).to.include("no worker is well").and.include(`${SECOND} can be switched off`);
  });

  it("tells why it waits, and gives up in the end", async () => {
    const waiting = server(1, { reason: "n-dddddddddd is becoming a server" });
    const { exitCode, stdout, stderr } = await type(`drain ${SECOND}`, {
      lab: new FakeLab(waiting),
      secondsPerLook: 100,
    });
    expect(exitCode).to.equal(1);
    expect(stdout.match(/n-dddddddddd is becoming a server/g)).to.have.length(1);
    expect(stderr).to.include(`${SECOND} is a server still: n-dddddddddd is becoming a server`);
  });

  it("does not take a node's word that it is a worker while it has its vote", async () => {
    const decided = server(1, { servers: [FIRST, NAMES[2]], reason: `${SECOND} is becoming a worker` });
    const itself = new FakeMachine(2, { ...nodeStatus(2), role: "worker" });
    const { exitCode, stderr } = await type(`drain ${SECOND}`, {
      lab: new FakeLab(decided, itself),
      secondsPerLook: 100,
    });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include(`${SECOND} is a server still: ${SECOND} is becoming a worker`);
  });

  it("takes all of it back at the end", async () => {
    const machine = server(1);
    await type(`drain ${SECOND} --end`, { lab: new FakeLab(machine) });
    expect(machine.ran).to.deep.equal([wish(null, null)]);
  });

  it("stops where kubectl does", async () => {
    const machine = server(1);
    machine.exitCode = 1;
    const { exitCode, stderr } = await type(`drain ${SECOND}`, { lab: new FakeLab(machine) });
    expect(exitCode).to.equal(1);
    expect(machine.ran).to.have.length(1);
    expect(stderr).to.include("kubectl patch ended with 1");
  });
});

describe("cluster-os recover", () => {
  const LOST = "0 of 3 voters are healthy and 2 are needed: the API takes no writes; n-b and n-c are lost";

  it("shows how things stand, and does nothing unless it is told to", async () => {
    const machine = server(1);
    machine.recovery = { state: LOST, lost: ["n-b", "n-c"], source: "own", isDone: false };
    const { exitCode, stdout } = await type("recover m1", { lab: new FakeLab(machine) });
    expect(exitCode).to.equal(0);
    expect(machine.ran).to.deep.equal(['recover {"confirmed":false}']);
    expect(stdout)
      .to.include(LOST)
      .and.include("from its own data, without n-b and n-c")
      .and.include("--yes");
  });

  it("does it at one confirmation, from a snapshot if that is wanted", async () => {
    const machine = server(1);
    const takenAtMs = Date.UTC(2026, 0, 1);
    machine.recovery = { state: LOST, lost: ["n-b"], source: "s", takenAtMs, isDone: true };
    const { stdout } = await type("recover m1 --yes --from s", { lab: new FakeLab(machine) });
    expect(machine.ran).to.deep.equal(['recover {"confirmed":true,"source":"s"}']);
    expect(stdout).to.include("begun anew from snapshot s of 2026-01-01T00:00:00.000Z; n-b will be workers");
  });

  it("says which machines keep the snapshot that is to be fetched", async () => {
    const machine = server(1);
    machine.recovery = { state: LOST, lost: ["n-b"], source: "s", holders: ["n-d", "n-e"], isDone: false };
    const { stdout } = await type("recover m1 --from s", { lab: new FakeLab(machine) });
    expect(stdout).to.contain("from snapshot s (kept by n-d and n-e), without n-b.");
  });

  it("says why nothing is recovered", async () => {
    const machine = server(1);
    machine.recovery = {
      state: "2 of 3 voters are healthy",
      lost: [],
      refusal: "etcd has a majority",
      isDone: false,
    };
    const { exitCode, stdout } = await type("recover m1 --yes", { lab: new FakeLab(machine) });
    expect(exitCode).to.equal(1);
    expect(stdout).to.include("Nothing is recovered: etcd has a majority");
  });
});

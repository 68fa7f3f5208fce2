import { ClusterStatus } from "@cluster-os/api";
import { expect } from "chai";
import { clusterStatus, expectGolden, FakeLab, FakeMachine, nodeStatus, type } from "./support.ts";

const three = (): readonly FakeMachine[] => [1, 2, 3].map((number) => new FakeMachine(number));

function know(machines: readonly FakeMachine[], cluster: ClusterStatus): FakeLab {
  for (const machine of machines) machine.cluster = cluster;
  return new FakeLab(...machines);
}

describe("status", () => {
  it("of a healthy lab", async () => {
    expectGolden(
      "status-healthy.txt",
      (await type("status", { lab: know(three(), clusterStatus()) })).stdout,
    );
  });

  it("says what happened when a machine lost its power", async () => {
    const machines = three();
    if (machines[0]) machines[0].on = false;
    expectGolden(
      "status-one-off.txt",
      (await type("status", { lab: know(machines, clusterStatus(1)) })).stdout,
    );
  });

  it("says when the quorum is lost, who is silent, and what a machine complains of", async () => {
    const machines = [
      new FakeMachine(1, new Error("bootstrap did not answer within 5 s")),
      new FakeMachine(2),
      new FakeMachine(
        3,
        nodeStatus(3, { problems: [{ kind: "clock", message: "the clock is two hours behind" }] }),
      ),
    ];
    if (machines[1]) machines[1].on = false;
    expectGolden(
      "status-no-quorum.txt",
      (await type("status", { lab: know(machines, clusterStatus(1, 2)) })).stdout,
    );
  });

  it("says how a machine that has left comes back", async () => {
    const machines = [new FakeMachine(1), new FakeMachine(2, new Error("bootstrap is not running"))];
    const cluster = clusterStatus();
    const nodes = cluster.nodes.map((node) => ({ ...node, status: node.index === 2 ? "left" : node.status }));
    const { stdout } = await type("status", {
      lab: know(machines, ClusterStatus.parse({ ...cluster, nodes })),
    });
    expect(stdout).to.match(/^ {2}m2 \(n-[a-z2-7]+\) has left the cluster; bring it back: .* join m2$/m);
    expect(stdout).to.not.include("does not answer");
  });

  it("before there is a cluster", async () => {
    const {
      clusterId: _clusterId,
      index: _index,
      role: _role,
      mesh: _mesh,
      ...young
    } = nodeStatus(1, {
      lifecycle: "join",
      roles: [],
      kubernetes: { state: "waiting", epoch: 0 },
    });
    const { stdout } = await type("status", { lab: new FakeLab(new FakeMachine(1, young)) });
    expectGolden("status-forming.txt", stdout);
  });

  it("of the node it runs on", async () => {
    const thisMachine = new FakeMachine(2);
    thisMachine.cluster = clusterStatus();
    const { stdout } = await type("status", { thisMachine });
    expect(stdout).to.include("3 of 3 voters healthy").and.include("n-cccccccccc");
  });

  it("for programs is the schema's shape, from a member that serves", async () => {
    const machines = three();
    if (machines[0]) machines[0].answer = new Error("still booting");
    const { stdout } = await type("status -o json", { lab: know(machines, clusterStatus(1)) });
    expect(ClusterStatus.parse(JSON.parse(stdout))).to.deep.equal(clusterStatus(1));
  });

  it("fails where nobody answers", async () => {
    expect((await type("status")).exitCode).to.equal(1);
    const machine = new FakeMachine(1);
    machine.on = false;
    const lab = new FakeLab(machine);
    expect((await type("status", { lab })).stdout).to.include("m1 (n-aaaaaaaaaa) is off; start it");
    expect((await type("status -o json", { lab })).stderr).to.include("every machine of the lab is off");
  });
});

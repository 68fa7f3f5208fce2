import { expect } from "chai";
import { FakeLab, FakeMachine, NAMES, nodeStatus, type } from "./support.ts";

describe("cluster-os revoke", () => {
  const ready = (number: number, role: "server" | "worker") =>
    new FakeMachine(number, { ...nodeStatus(number), role, kubernetes: { state: "ready", epoch: 0 } });

  it("asks a server of the lab, by the node's name or the machine's", async () => {
    for (const word of [NAMES[2], "m3", "3"]) {
      const machines = [ready(1, "worker"), ready(2, "server"), ready(3, "worker")] as const;
      const { exitCode, stdout } = await type(`revoke ${word}`, { lab: new FakeLab(...machines) });
      expect(exitCode).to.equal(0);
      expect(machines.map(({ ran }) => ran)).to.deep.equal([[], [`revoke ${NAMES[2]}`], []]);
      expect(stdout).to.equal(
        `${NAMES[2]} is revoked: it is out of the mesh, and its key is never admitted again\n`,
      );
    }
  });

  it("asks another server than the one that goes, and says what is left to do", async () => {
    const machines = [ready(1, "server"), ready(2, "server")] as const;
    machines[1].revoked = {
      ...machines[1].revoked,
      name: NAMES[0],
      wasServer: true,
      retiredJoinKeys: ["0".repeat(16)],
    };
    const { stdout } = await type("revoke m1", { lab: new FakeLab(...machines) });
    expect(machines.map(({ ran }) => ran)).to.deep.equal([[], [`revoke ${NAMES[0]}`]]);
    expect(stdout).to.include("wait for approval").and.include("docs/guides/revoking-nodes.md");
  });

  it("on a node asks that node's own bootstrap, which knows better", async () => {
    const thisMachine = ready(1, "worker");
    const key = `ed25519:${"c".repeat(64)}`;
    const { stdout } = await type(`revoke ${key} -o json`, { lab: new FakeLab(), thisMachine });
    expect(thisMachine.ran).to.deep.equal([`revoke ${key}`]);
    expect(JSON.parse(stdout)).to.deep.equal(thisMachine.revoked);
  });

  it("names what is no node, and a lab without a server", async () => {
    const unknown = await type("revoke rack4", { lab: new FakeLab(ready(1, "server")) });
    expect(unknown.exitCode).to.equal(1);
    expect(unknown.stderr).to.include('"rack4" is no node');
    const alone = await type(`revoke ${NAMES[1]}`, { lab: new FakeLab(ready(1, "worker")) });
    expect(alone.stderr).to.include("no control-plane server of the lab answers");
  });
});

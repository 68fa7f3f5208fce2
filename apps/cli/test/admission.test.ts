import { auditHash, createGenesis, signAuditEntry } from "@cluster-os/admission";
import { generateAgreementKey, generateIdentity, generateSigningKey } from "@cluster-os/identity";
import { seededRng, toBase64 } from "@cluster-os/std";
import { expect } from "chai";
import { FakeLab, FakeMachine, nodeStatus, type, WAITING } from "./support.ts";

const rng = seededRng(5);
const authority = generateSigningKey(rng);
const founder = generateIdentity(rng).nodeId;
const sealingKey = generateAgreementKey(rng).publicKey;
const genesis = createGenesis({
  founders: [{ nodeId: founder, index: 1, sealingKey, wireguardKey: sealingKey }],
  servers: [founder],
  addressPlan: { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" },
  authority,
  ringKey: { id: 1, key: new Uint8Array(32) },
  createdAt: 0,
  rng,
});
const { clusterId } = genesis;
const entry = signAuditEntry(
  {
    clusterId,
    sequence: 1,
    previous: auditHash(genesis.bytes),
    at: 0,
    by: "the founders",
    event: { kind: "genesis", founders: [founder], servers: [founder] },
  },
  authority,
);

function server(): FakeMachine {
  const status = { ...nodeStatus(1), role: "server" as const, clusterId };
  const machine = new FakeMachine(1, { ...status, kubernetes: { state: "ready", epoch: 0 } });
  machine.log = { genesis: toBase64(genesis.bytes), entries: [toBase64(entry)] };
  return machine;
}
const onLab = (line: string, machine: FakeMachine) => type(line, { lab: new FakeLab(machine) });

describe("cluster-os pending and approve", () => {
  it("show who waits, and let one in", async () => {
    const machine = server();
    expect((await onLab("pending", machine)).stdout).to.equal("nobody waits\n");
    machine.waiting = [WAITING];
    expect((await onLab("pending", machine)).stdout).to.match(/n-dddddddddd +waits +2026.* +ed25519:dddd/);
    expect(JSON.parse((await onLab("pending -o json", machine)).stdout)).to.deep.equal([WAITING]);
    const { stdout } = await onLab("approve n-dddddddddd", machine);
    expect(machine.ran).to.deep.equal(["approve n-dddddddddd"]);
    expect(stdout).to.include(WAITING.nodeId);
  });
});

describe("cluster-os join-key", () => {
  it("shows the cluster's keys and replaces them", async () => {
    for (const word of ["show", "rotate"]) {
      const { stdout } = await onLab(`join-key ${word}`, server());
      expect(stdout)
        .to.match(/aaaa +lets in +cluster +bmV3\n/)
        .and.match(/bbbb +retired +given file +b2xk\n/);
    }
    expect((await onLab("join-key burn", server())).stderr).to.include("show or rotate");
  });
});

describe("cluster-os audit", () => {
  it("shows the log, and says that it is whole", async () => {
    expect((await onLab("audit", server())).stdout).to.match(
      /1 +1970-01-01.* +founded by n-.* +the founders/,
    );
    const { stdout, exitCode } = await onLab("audit verify", server());
    expect([stdout, exitCode]).to.deep.equal([
      "the log is whole: 1 entries, back to the genesis record\n",
      0,
    ]);
  });

  it("names the first entry that is broken, with exit code 1", async () => {
    const machine = server();
    machine.log = { ...machine.log, entries: [toBase64(entry), null, toBase64(entry)] };
    const { stderr, exitCode } = await onLab("audit verify", machine);
    expect(stderr).to.include("entry 2 is broken: it is missing");
    expect(exitCode).to.equal(1);
  });

  it("takes no other cluster's log for this one's", async () => {
    const machine = server();
    machine.answer = {
      ...nodeStatus(1),
      role: "server",
      clusterId: "0".repeat(32),
      kubernetes: { state: "ready", epoch: 0 },
    };
    expect((await onLab("audit verify", machine)).stderr).to.include("the log is of cluster");
  });
});

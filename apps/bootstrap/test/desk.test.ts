import { createGenesis, verifyAudit, type JoinKeyDecision } from "@cluster-os/admission";
import { auditName, joinKeyObject, NAMESPACE, PENDING_LABEL, readJoinKeyObject } from "@cluster-os/api";
import { joinKeyId, type RingKeyStatus } from "@cluster-os/formation";
import { generateAgreementKey, generateIdentity, generateSigningKey, nodeName } from "@cluster-os/identity";
import { KubeClient, RESOURCES } from "@cluster-os/kube";
import { FakeApiServer } from "@cluster-os/kube/testing";
import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import type { AuditNote } from "../src/server/audit-log.ts";
import { Desk, type Trust } from "../src/server/desk.ts";
import { CLUSTER_NODES } from "../src/server/kube.ts";

const NOW = 1_700_000_000_000;
const rng = seededRng(80);
const authority = generateSigningKey(rng);
const self = generateIdentity(rng).nodeId;
const newcomer = generateIdentity(rng).nodeId;
const sealingKey = generateAgreementKey(rng).publicKey;
const genesis = createGenesis({
  founders: [{ nodeId: self, index: 1, sealingKey, wireguardKey: sealingKey }],
  servers: [self],
  addressPlan: { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" },
  authority,
  ringKey: { id: 1, key: new Uint8Array(32).fill(7) },
  createdAt: NOW,
  rng,
});

describe("the servers' desk", () => {
  let fake: FakeApiServer;
  let kube: KubeClient;
  const given = "b".repeat(16);

  beforeEach(async () => {
    fake = await FakeApiServer.start([...Object.values(RESOURCES), CLUSTER_NODES]);
    kube = new KubeClient(fake.connection, { userAgent: "test" });
  });
  afterEach(async () => {
    kube[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  function open(revoked: readonly string[] = [], ringKey?: RingKeyStatus) {
    const admitted = new Map<string, number>();
    const keys: JoinKeyDecision[] = [];
    const heads: Uint8Array[] = [];
    const trust: Trust = {
      genesis: () => genesis,
      authoritySeed: () => authority.seed,
      admissions: () =>
        [...admitted].map(([nodeId, index]) => ({
          clusterId: genesis.clusterId,
          nodeId: nodeId as typeof self,
          index,
          admittedAt: NOW + 1,
        })),
      ringKey: () => ringKey,
      joinKeySequence: () => keys.at(-1)?.sequence ?? 0,
      isMember: (nodeId) => nodeId === self || admitted.has(nodeId),
      admit: (nodeId, index) => Promise.resolve(void admitted.set(nodeId, index)),
      revoke: () => Promise.resolve(),
      setJoinKey: (decision) => Promise.resolve(void keys.push(decision)),
      publish: (_, bytes) => Promise.resolve(void heads.push(bytes)),
    };
    const desk = new Desk({
      kube,
      trust,
      view: {
        roster: () => [],
        isServer: (nodeId) => nodeId === self,
        revocations: () => [],
        isRevoked: (nodeId) => revoked.includes(nodeId),
        joinKeyIds: [given],
      },
      self,
      events: { tell: () => Promise.resolve() },
      etcdMembers: () => Promise.resolve([]),
      removeMember: () => Promise.resolve(),
      rng: seededRng(81),
      logger: silentLogger,
    });
    return { desk, admitted, keys, heads };
  }

  it("lets a machine in once a person approved it, and logs that", async () => {
    const { desk, admitted, heads } = open();
    desk.applicants.wait(newcomer);
    await desk.applicants.ask(NOW);
    const [waiting] = await desk.applicants.list();
    expect(waiting).to.deep.include({ name: nodeName(newcomer), nodeId: newcomer, isApproved: false });
    await desk.round(NOW);
    expect(admitted.size).to.equal(0);
    await desk.applicants.approve(nodeName(newcomer), NOW);
    await desk.round(NOW);
    expect([...admitted.keys()]).to.deep.equal([newcomer]);
    await desk.round(NOW);
    expect(await desk.applicants.list()).to.deep.equal([]);
    const node = await kube.find(CLUSTER_NODES, { name: nodeName(newcomer) });
    expect(node?.metadata.labels?.[PENDING_LABEL]).to.equal(undefined);
    const { entries } = await desk.audit();
    const verdict = verifyAudit(genesis, entries, heads.at(-1));
    expect(verdict.isWhole).to.equal(true);
    expect(verdict.entries.map(({ event }) => event.kind)).to.deep.equal(["genesis", "admission"]);
  });

  it("takes an approval in advance, by public key only", async () => {
    const { desk, admitted } = open();
    const failure = await desk.applicants.approve("n-aaaaaaaaaa", NOW).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property("message").that.includes("nobody called");
    await desk.applicants.approve(newcomer, NOW);
    await desk.round(NOW);
    expect(admitted.has(newcomer)).to.equal(true);
  });

  it("approves nobody who is revoked", async () => {
    const { desk, admitted } = open([newcomer]);
    const failure = await desk.applicants.approve(newcomer, NOW).catch((error: unknown) => error);
    expect(failure).to.have.property("status", 409);
    expect(failure).to.have.property("message").that.includes("needs a new identity");
    await open().desk.applicants.approve(newcomer, NOW);
    await desk.round(NOW);
    expect(admitted.size).to.equal(0);
    expect(await desk.applicants.list()).to.deep.equal([]);
  });

  it("goes on with everything else while the log has a gap, and adds nothing to it", async () => {
    const { desk, admitted } = open();
    await desk.joinKey.rotate(NOW);
    await desk.round(NOW);
    await kube.delete(RESOURCES.configMap, { name: auditName(1), namespace: NAMESPACE });
    const next = open();
    await next.desk.applicants.approve(newcomer, NOW);
    expect(await next.desk.round(NOW)).to.equal(true);
    expect([...next.admitted.keys()]).to.deep.equal([newcomer]);
    expect(admitted.size).to.equal(0);
    const { entries } = await next.desk.audit();
    expect(verifyAudit(genesis, entries)).to.include({ isWhole: false, brokenAt: 1 });
  });

  it("forgets who asks no more, and lets no flood of made-up keys into the API", async () => {
    const { desk } = open();
    for (let number = 0; number < 200; number += 1) {
      desk.applicants.wait(generateIdentity(seededRng(900 + number)).nodeId);
      if (number % 50 === 49) await desk.applicants.ask(NOW);
    }
    expect(await desk.applicants.list()).to.have.length(64);
    await desk.round(NOW + 3_600_001);
    expect(await desk.applicants.list()).to.have.length(0);
  }).timeout(20_000);

  it("replaces the join key: each retires all before it, and the leader puts in force what was decided", async () => {
    const { desk, keys } = open();
    const first = await desk.joinKey.rotate(NOW);
    const second = await desk.joinKey.rotate(NOW + 1);
    expect([first.sequence, second.sequence]).to.deep.equal([1, 2]);
    expect(first.retired).to.deep.equal([given]);
    expect(second.retired).to.have.members([given, joinKeyId(first.key)]);
    expect(keys.at(-1)).to.deep.equal(second);
    const next = open();
    await next.desk.round(NOW);
    expect(next.keys).to.deep.equal([second]);
    expect(readJoinKeyObject(joinKeyObject(second))).to.deep.equal(second);
  });

  it("writes each thing into the log once, whichever server leads", async () => {
    const one = open();
    const other = open();
    await one.desk.joinKey.rotate(NOW);
    await one.desk.round(NOW);
    await other.desk.round(NOW);
    await one.desk.round(NOW);
    const { entries } = await other.desk.audit();
    expect(verifyAudit(genesis, entries).isWhole).to.equal(true);
    expect(entries).to.have.length(2);
    expect(await kube.find(RESOURCES.configMap, { name: auditName(2), namespace: NAMESPACE })).to.not.equal(
      undefined,
    );
  });

  it("logs what else is done, each thing once, and ring keys once members seal with them", async () => {
    const staged = { newest: 300, held: 300, sealing: 1, madeAt: NOW, stage: "staged" } as const;
    const first = open([], staged);
    await first.desk.round(NOW);
    const step: AuditNote = {
      event: { kind: "step-down", nodeId: newcomer, epoch: 2, wish: "set-aside" },
      at: NOW,
      by: "a test",
    };
    // From several at once, as requests of machines come.
    await Promise.all([first.desk.note([step]), first.desk.note([step]), open().desk.note([step])]);
    const next = open([], { ...staged, stage: "active" });
    await next.desk.round(NOW);
    await next.desk.note([step]);
    const { entries } = await next.desk.audit();
    const verdict = verifyAudit(genesis, entries, next.heads.at(-1));
    expect(verdict.isWhole).to.equal(true);
    expect(verdict.entries.map(({ event }) => event.kind)).to.deep.equal([
      "genesis",
      "step-down",
      "ring-key",
    ]);
  });
});

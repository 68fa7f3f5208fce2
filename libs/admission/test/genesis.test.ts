import { expect } from "chai";
import { generateAgreementKey, NodeId, RecordError, SealError, signRecord } from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";
import {
  AdmissionError,
  clusterIdOf,
  GenesisPayload,
  openFounderSecrets,
  openGenesis,
} from "../src/index.ts";
import { alice, authority, bob, carol, genesisOf, rng } from "./support.ts";

const GENESIS = { name: "genesis", version: 1, payload: GenesisPayload };
const smallOrder = NodeId.parse(`ed25519:01${"00".repeat(31)}`);

describe("genesis record", () => {
  it("opens to what was founded, under the ID that is its hash", () => {
    const genesis = genesisOf();
    const opened = openGenesis(genesis.bytes);
    expect(opened.payload.founders).to.deep.equal([alice.founder, bob.founder]);
    expect(opened.clusterId)
      .to.equal(clusterIdOf(genesis.bytes))
      .and.to.match(/^[0-9a-f]{32}$/);
    expect(genesisOf({ createdAt: 1 }).clusterId).to.not.equal(opened.clusterId);
  });

  it("hands the ring key to every founder and the authority key to servers alone", () => {
    const genesis = genesisOf();
    const ringKey = { id: 1, key: new Uint8Array(32).fill(7) };
    expect(openFounderSecrets(genesis, alice.identity.nodeId, alice.sealing)).to.deep.equal({
      ringKey,
      authoritySeed: authority.seed,
    });
    expect(openFounderSecrets(genesis, bob.identity.nodeId, bob.sealing)).to.deep.equal({ ringKey });
  });

  it("opens its secrets for nobody else", () => {
    const genesis = genesisOf();
    expect(() => openFounderSecrets(genesis, alice.identity.nodeId, bob.sealing)).to.throw(SealError);
    expect(() => openFounderSecrets(genesis, carol.identity.nodeId, carol.sealing)).to.throw(
      AdmissionError,
      "no founder",
    );
  });

  const good = genesisOf().payload;
  const refused: readonly { name: string; payload: GenesisPayload; reason: string }[] = [
    {
      name: "a founder twice",
      payload: { ...good, founders: [alice.founder, { ...alice.founder, index: 2 }] },
      reason: "twice",
    },
    {
      name: "an index twice",
      payload: { ...good, founders: [alice.founder, { ...bob.founder, index: 1 }] },
      reason: "one index",
    },
    {
      name: "a server twice",
      payload: { ...good, servers: [alice.founder.nodeId, alice.founder.nodeId] },
      reason: "server twice",
    },
    {
      name: "a server that is no founder",
      payload: { ...good, servers: [carol.founder.nodeId] },
      reason: "no founder",
    },
    { name: "a founder without secrets", payload: { ...good, secrets: {} }, reason: "no secrets" },
    {
      name: "a founder whose key is of small order",
      payload: { ...good, founders: [{ ...alice.founder, nodeId: smallOrder }] },
      reason: "small order",
    },
    {
      name: "an authority that did not sign it",
      payload: { ...good, authorityKey: bob.identity.publicKey },
      reason: "authority key",
    },
  ];
  for (const { name, payload, reason } of refused) {
    it(`refuses ${name}`, () => {
      expect(() => openGenesis(signRecord(GENESIS, payload, authority))).to.throw(AdmissionError, reason);
    });
  }

  it("refuses what is malformed or altered", () => {
    expect(() => openGenesis(signRecord(GENESIS, { ...good, founders: [] }, authority))).to.throw(
      RecordError,
      "malformed",
    );
    const altered = Uint8Array.from(genesisOf().bytes);
    altered[200] = (altered[200] as number) ^ 1;
    expect(() => openGenesis(altered)).to.throw(RecordError);
  });

  it("is made with whatever sealing keys the founders have", () => {
    const sealing = generateAgreementKey(seededRng(5));
    const founder = { ...carol.founder, sealingKey: sealing.publicKey };
    const genesis = genesisOf({ founders: [founder], servers: [founder.nodeId], rng });
    expect(openFounderSecrets(genesis, founder.nodeId, sealing).authoritySeed).to.deep.equal(authority.seed);
  });
});

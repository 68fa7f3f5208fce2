import { expect } from "chai";
import { generateSigningKey, RecordError } from "@cluster-os/identity";
import { AdmissionError, openRoles, signRoles } from "../src/index.ts";
import { alice, authority, bob, genesisOf, rng } from "./support.ts";

const genesis = genesisOf();
const trusted = { clusterId: genesis.clusterId, authorityKey: authority.publicKey };
const payload = {
  clusterId: genesis.clusterId,
  epoch: 2,
  servers: [alice.identity.nodeId, bob.identity.nodeId],
  decidedAt: 1_700_000_300_000,
};

describe("roles record", () => {
  it("opens as it was signed, and all who sign a decision sign the same bytes", () => {
    const bytes = signRoles(payload, authority);
    expect(openRoles(bytes, trusted).payload).to.deep.equal(payload);
    expect(signRoles({ ...payload }, authority)).to.deep.equal(bytes);
  });

  it("is the authority's alone", () => {
    expect(() => openRoles(signRoles(payload, generateSigningKey(rng)), trusted)).to.throw(RecordError);
  });

  it("of another cluster is refused", () => {
    const bytes = signRoles({ ...payload, clusterId: "0".repeat(32) }, authority);
    expect(() => openRoles(bytes, trusted)).to.throw(AdmissionError, "is of cluster");
  });

  for (const [what, change] of [
    ["no server", { servers: [] }],
    ["one server twice", { servers: [alice.identity.nodeId, alice.identity.nodeId] }],
    ["epoch 0, which is what was established", { epoch: 0 }],
  ] as const) {
    it(`with ${what} is refused`, () => {
      const bad = {
        ...payload,
        ...change,
        servers: [...("servers" in change ? change.servers : payload.servers)],
      };
      expect(() => openRoles(signRoles(bad, authority), trusted)).to.throw();
    });
  }
});

import { expect } from "chai";
import { NodeId, RecordError } from "@cluster-os/identity";
import {
  AdmissionError,
  openAdmission,
  openEstablished,
  openRevocation,
  signAdmission,
  signEstablished,
  signRevocation,
} from "../src/index.ts";
import { alice, authority, bob, carol, genesisOf } from "./support.ts";

const genesis = genesisOf();
const { clusterId } = genesis;
const source = { clusterId, authorityKey: authority.publicKey };
const admission = { clusterId, nodeId: carol.identity.nodeId, index: 3, admittedAt: 5 };

describe("records signed by the authority", () => {
  it("open to what was signed", () => {
    expect(openAdmission(signAdmission(admission, authority), source).payload).to.deep.equal(admission);
    const revocation = { clusterId, nodeId: carol.identity.nodeId, revokedAt: 6, retiredJoinKeys: [] };
    expect(openRevocation(signRevocation(revocation, authority), source).payload).to.deep.equal(revocation);
    const established = {
      clusterId,
      epoch: 1,
      initialiser: bob.identity.nodeId,
      servers: [bob.identity.nodeId],
    };
    expect(openEstablished(signEstablished(established, authority), source).payload).to.deep.equal(
      established,
    );
  });

  it("count only when the authority of this cluster signed them", () => {
    const forged = signAdmission(admission, alice.identity);
    expect(() => openAdmission(forged, source)).to.throw(RecordError, "another key");
    const foreign = signAdmission({ ...admission, clusterId: "0".repeat(32) }, authority);
    expect(() => openAdmission(foreign, source)).to.throw(AdmissionError, "of cluster 0000");
  });

  it("do not pass for each other", () => {
    const revocation = signRevocation(
      { clusterId, nodeId: carol.identity.nodeId, revokedAt: 6, retiredJoinKeys: [] },
      authority,
    );
    expect(() => openAdmission(revocation, source)).to.throw(RecordError, "type revocation");
  });

  it("never admit a key of small order", () => {
    const nodeId = NodeId.parse(`ed25519:${"00".repeat(32)}`);
    expect(() => signAdmission({ ...admission, nodeId }, authority)).to.throw(AdmissionError, "small order");
  });
});

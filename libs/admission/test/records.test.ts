import { expect } from "chai";
import { NodeId, RecordError } from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";
import {
  AdmissionError,
  handRingKeys,
  KeyRing,
  openAdmission,
  openEstablished,
  openRevocation,
  receiveRingKeys,
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

describe("key ring", () => {
  const key = (id: number) => ({ id, key: new Uint8Array(32).fill(id) });

  it("has the newest key last, whatever the order they came in", () => {
    const ring = new KeyRing([key(2), key(1)]).with(key(3), key(2));
    expect(ring.keys.map(({ id }) => id)).to.deep.equal([1, 2, 3]);
    expect(ring.newest).to.deep.equal(key(3));
    expect(ring.find(2)).to.deep.equal(key(2));
    expect(ring.find(9)).to.equal(undefined);
  });

  it("retires old keys, never the newest", () => {
    const ring = new KeyRing([key(1), key(2)]);
    expect(ring.retireBefore(2).keys).to.deep.equal([key(2)]);
    expect(ring.retireBefore(9).keys).to.deep.equal([key(2)]);
  });

  it("refuses two keys under one ID, and no key", () => {
    expect(() => new KeyRing([key(1), { id: 1, key: new Uint8Array(32) }])).to.throw(AdmissionError, "ID 1");
    expect(() => new KeyRing([])).to.throw(AdmissionError);
  });

  it("is handed to one node of one cluster", () => {
    const box = handRingKeys(carol.sealing.publicKey, { clusterId, keys: [key(4)] }, seededRng(1));
    expect(receiveRingKeys(carol.sealing, box, clusterId)).to.deep.equal([key(4)]);
    expect(() => receiveRingKeys(bob.sealing, box, clusterId)).to.throw("does not open");
    expect(() => receiveRingKeys(carol.sealing, box, "0".repeat(32))).to.throw(
      AdmissionError,
      "another cluster",
    );
  });
});

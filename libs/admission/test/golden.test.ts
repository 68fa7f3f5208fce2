import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { seededRng, toHex } from "@cluster-os/std";
import {
  auditHash,
  handRingKeys,
  ringKeyCheck,
  signAuditEntry,
  signAdmission,
  signEstablished,
  signJoinKey,
  signRevocation,
  signRingKey,
  signRoles,
} from "../src/index.ts";
import { alice, authority, carol, genesisOf } from "./support.ts";

const folder = join(import.meta.dirname, "golden");
const genesis = genesisOf();
const { clusterId } = genesis;

/** These bytes are on disks and on the wire for ever: a change here is a new record version, not a new golden file. */
const records: Readonly<Record<string, Uint8Array>> = {
  genesis: genesis.bytes,
  admission: signAdmission(
    { clusterId, nodeId: carol.identity.nodeId, index: 3, admittedAt: 1_700_000_100_000 },
    authority,
  ),
  revocation: signRevocation(
    {
      clusterId,
      nodeId: carol.identity.nodeId,
      revokedAt: 1_700_000_200_000,
      retiredJoinKeys: ["0123456789abcdef"],
    },
    authority,
  ),
  audit: signAuditEntry(
    {
      clusterId,
      sequence: 1,
      previous: auditHash(genesis.bytes),
      at: 1_700_000_400_000,
      by: "a test",
      event: { kind: "revocation", nodeId: carol.identity.nodeId, wasServer: false },
    },
    authority,
  ),
  "join-key": signJoinKey(
    {
      clusterId,
      sequence: 2,
      key: new Uint8Array(32).fill(6),
      retired: ["0123456789abcdef"],
      createdAt: 1_700_000_300_000,
    },
    authority,
  ),
  established: signEstablished(
    { clusterId, epoch: 1, initialiser: alice.identity.nodeId, servers: [alice.identity.nodeId] },
    authority,
  ),
  roles: signRoles(
    {
      clusterId,
      epoch: 1,
      servers: [alice.identity.nodeId, carol.identity.nodeId],
      decidedAt: 1_700_000_300_000,
    },
    authority,
  ),
  "ring-key": signRingKey(
    {
      clusterId,
      id: 300,
      check: ringKeyCheck({ id: 300, key: new Uint8Array(32).fill(9) }, clusterId),
      stage: "staged",
      revocations: 1,
      madeAt: 1_700_000_300_000,
    },
    authority,
  ),
  "ring-handing": handRingKeys(
    carol.sealing.publicKey,
    { clusterId, keys: [{ id: 300, key: new Uint8Array(32).fill(9) }], records: [], revocations: [] },
    seededRng(40),
  ),
};

describe("wire format", () => {
  for (const [name, bytes] of Object.entries(records)) {
    it(`of ${name} is byte for byte what it was`, () => {
      const path = join(folder, `${name}.hex`);
      const text = `${toHex(bytes)
        .replace(/(.{96})/g, "$1\n")
        .trimEnd()}\n`;
      if (process.env["UPDATE_GOLDEN"]) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(path, text);
      }
      expect(text).to.equal(readFileSync(path, "utf8"));
    });
  }
});

import { nodeName } from "@cluster-os/identity";
import { expect } from "chai";
import fc from "fast-check";
import {
  auditHash,
  auditSubject,
  describeAuditEvent,
  openAuditEntry,
  signAuditEntry,
  verifyAudit,
  type AuditEvent,
} from "../src/index.ts";
import { alice, authority, bob, carol, genesisOf } from "./support.ts";

const genesis = genesisOf();
const { clusterId } = genesis;
const source = { clusterId, authorityKey: authority.publicKey };
const events: readonly AuditEvent[] = [
  {
    kind: "genesis",
    founders: [alice.identity.nodeId, bob.identity.nodeId],
    servers: [alice.identity.nodeId],
  },
  { kind: "admission", nodeId: carol.identity.nodeId, index: 3 },
  { kind: "roles", epoch: 1, servers: [alice.identity.nodeId, carol.identity.nodeId] },
  { kind: "revocation", nodeId: bob.identity.nodeId, wasServer: true },
  { kind: "join-key", sequence: 1, id: "0123456789abcdef" },
  { kind: "ring-key", id: 2 },
];
const laterEvents: readonly AuditEvent[] = [
  { kind: "roles", epoch: 2, servers: [alice.identity.nodeId], cause: "demote: one is enough" },
  { kind: "authority", nodeId: carol.identity.nodeId, epoch: 1 },
  { kind: "step-down", nodeId: carol.identity.nodeId, epoch: 2, wish: "demote" },
  { kind: "step-down", nodeId: carol.identity.nodeId, epoch: 2, wish: "set-aside" },
  { kind: "removal", name: "n-aaaaaaaaaa", epoch: 2 },
  { kind: "renewal", nodeId: carol.identity.nodeId, at: 1_000 },
  { kind: "upgrade", nodeId: carol.identity.nodeId, version: "v1.35.4" },
];

function logOf(all: readonly AuditEvent[], signer = authority): Uint8Array[] {
  const log: Uint8Array[] = [];
  for (const [at, event] of all.entries()) {
    const previous = auditHash(log[at - 1] ?? genesis.bytes);
    log.push(
      signAuditEntry({ clusterId, sequence: at + 1, previous, at: 1_000 + at, by: "a test", event }, signer),
    );
  }
  return log;
}

describe("the audit log", () => {
  const log = logOf(events);

  it("is whole as it was written", () => {
    const verdict = verifyAudit(genesis, log, log.at(-1));
    expect(verdict.isWhole).to.equal(true);
    expect(verdict.entries.map(({ event }) => event)).to.deep.equal(events);
    expect(verifyAudit(genesis, []).isWhole).to.equal(true);
    expect(openAuditEntry(log[1]!, source).payload.sequence).to.equal(2);
  });

  it("takes every kind of event, tells it in words of its own, and tells one from another", () => {
    const all = [...events, ...laterEvents];
    const verdict = verifyAudit(genesis, logOf(all));
    expect(verdict.entries.map(({ event }) => event)).to.deep.equal(all);
    expect(new Set(all.map(auditSubject)).size).to.equal(all.length);
    const words = all.map(describeAuditEvent);
    expect(new Set(words).size).to.equal(all.length);
    expect(words.join("\n")).not.to.match(/undefined|ed25519|object/);
    expect(words).to.include(`epoch 2: ${nodeName(alice.identity.nodeId)} serve (demote: one is enough)`);
  });

  const other = logOf([...events.slice(0, 2), { kind: "ring-key", id: 9 }, ...events.slice(3)]);
  const forged = logOf(events, alice.identity);
  const flipped = new Uint8Array(log[3]!).with(40, 1);
  const table = [
    {
      name: "an entry that is missing",
      entries: [...log.slice(0, 2), undefined, ...log.slice(3)],
      at: 3,
      reason: "missing",
    },
    {
      name: "an entry that was taken out",
      entries: log.toSpliced(2, 1),
      at: 3,
      reason: "says that it is entry 4",
    },
    {
      name: "an entry that was put in twice",
      entries: log.toSpliced(2, 0, log[1]!),
      at: 3,
      reason: "says that it is entry 2",
    },
    {
      name: "two that changed places",
      entries: log.with(1, log[2]!).with(2, log[1]!),
      at: 2,
      reason: "entry 3",
    },
    {
      name: "an entry that was written anew",
      entries: log.with(2, other[2]!),
      at: 4,
      reason: "follows another entry",
    },
    { name: "an entry by somebody else", entries: log.with(1, forged[1]!), at: 2, reason: "not genuine" },
    { name: "a bit that flipped", entries: log.with(3, flipped), at: 4, reason: "not genuine" },
    { name: "rubbish", entries: log.with(0, Uint8Array.of(1, 2, 3)), at: 1, reason: "not genuine" },
    { name: "an end that was cut off", entries: log.slice(0, 4), at: 5, reason: "members know of entry 6" },
    {
      name: "an end that was written anew",
      entries: [...log.slice(0, 2), ...other.slice(2)],
      at: 6,
      reason: "another entry of this number",
    },
  ];
  for (const { name, entries, at, reason } of table) {
    it(`names the first entry that is broken: ${name}`, () => {
      const verdict = verifyAudit(genesis, entries, log.at(-1));
      if (verdict.isWhole) throw new Error("it was found whole");
      expect(verdict.brokenAt).to.equal(at);
      expect(verdict.reason).to.include(reason);
    });
  }

  it("notices any change of any byte", () => {
    const change = fc.record({
      entry: fc.nat(log.length - 1),
      place: fc.nat(1_000),
      by: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(change, ({ entry, place, by }) => {
        const bytes = log[entry]!;
        const at = place % bytes.length;
        const verdict = verifyAudit(genesis, log.with(entry, bytes.with(at, bytes[at]! ^ by)));
        expect(verdict.isWhole).to.equal(false);
        expect(!verdict.isWhole && verdict.brokenAt).to.equal(entry + 1);
      }),
      { numRuns: 100 },
    );
  });

  it("has one entry of each thing that was decided", () => {
    expect(new Set(events.map(auditSubject)).size).to.equal(events.length);
    expect(auditSubject({ kind: "admission", nodeId: carol.identity.nodeId, index: 9 })).to.equal(
      auditSubject(events[1]!),
    );
  });
});

import { encodeCbor } from "@cluster-os/identity";
import { expect } from "chai";
import fc from "fast-check";
import {
  decodeManifest,
  decodeMessage,
  encodeManifest,
  encodeMessage,
  hashOf,
  isSafePath,
  sortEntries,
  type Entry,
  type Message,
} from "../src/index.ts";
import { snapshot } from "./store.contract.ts";

const hash = hashOf(new Uint8Array(1));

function folder(at: number): Extract<Entry, { kind: "folder" }> {
  return { kind: "folder", path: String(at).padStart(4, "0"), mode: 0o700 };
}

describe("a manifest", () => {
  it("reads what it writes", () => {
    const entries: Entry[] = [
      { kind: "folder", path: "hash.0", mode: 0o700 },
      { kind: "file", path: "hash.0/empty", mode: 0o600, size: 0, hash, blocks: [] },
      { kind: "file", path: "hash.0/large", mode: 0o600, size: 1024 * 1024 + 1, hash, blocks: [hash, hash] },
      { kind: "link", path: "hash.0/link", target: "../job_state" },
      { kind: "file", path: "job_state", mode: 0o600, size: 1, hash, blocks: [hash] },
    ];
    const manifest = { ...snapshot(4, 5, []), entries };
    expect(decodeManifest(encodeManifest(manifest))).to.deep.equal(manifest);
  });

  it("notices any change, and any end that is missing", () => {
    const bytes = encodeManifest(snapshot(4, 5, ["one", "two"]));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => decodeManifest(changed), `byte ${at}`).to.throw("checksum");
      expect(() => decodeManifest(bytes.subarray(0, at)), `${at} bytes`).to.throw();
    }
  });

  const refused: { name: string; entries: readonly Entry[]; reason: string }[] = [
    { name: "a way out", entries: [{ kind: "folder", path: "../etc", mode: 0o700 }], reason: "malformed" },
    {
      name: "a path from the root",
      entries: [{ kind: "folder", path: "/etc", mode: 0o700 }],
      reason: "malformed",
    },
    {
      name: "a file below a link",
      entries: [
        { kind: "link", path: "a", target: "/etc" },
        { kind: "file", path: "a/passwd", mode: 0o600, size: 0, hash, blocks: [] },
      ],
      reason: "in no folder",
    },
    {
      name: "a path twice",
      entries: [
        { kind: "folder", path: "a", mode: 0o700 },
        { kind: "link", path: "a", target: "b" },
      ],
      reason: "out of order",
    },
    {
      name: "fewer blocks than the size says",
      entries: [{ kind: "file", path: "a", mode: 0o600, size: 3 * 1024 * 1024, hash, blocks: [hash] }],
      reason: "in 0 blocks",
    },
  ];
  for (const { name, entries, reason } of refused) {
    it(`refuses ${name}`, () => {
      const bytes = encodeManifest({ ...snapshot(1, 1, []), entries });
      expect(() => decodeManifest(bytes)).to.throw(reason);
    });
  }

  it("is deterministic CBOR, however it is put together", () => {
    const manifest = { ...snapshot(4, 5, []), entries: Array.from({ length: 300 }, (_, at) => folder(at)) };
    const { name, epoch, sequence, leader, replicas } = manifest;
    const entries = manifest.entries.map(({ path, mode }) => [0, path, mode]);
    const body = encodeCbor([1, name, epoch, sequence, leader, replicas, entries]);
    expect(encodeManifest(manifest).subarray(0, -32)).to.deep.equal(body);
  });

  it("sorts as it wants to be read", () => {
    const path = fc.stringMatching(/^[a-c.]{1,3}$/).filter(isSafePath);
    fc.assert(
      fc.property(fc.uniqueArray(path), (paths) => {
        const entries = sortEntries(paths.map((name): Entry => ({ kind: "link", path: name, target: "x" })));
        const manifest = { ...snapshot(1, 1, []), entries };
        expect(decodeManifest(encodeManifest(manifest))).to.deep.equal(manifest);
      }),
    );
  });
});

describe("a message", () => {
  const messages: readonly Message[] = [
    { kind: "promise-request", epoch: 3 },
    { kind: "promise", epoch: 3, manifest: undefined, lost: undefined },
    { kind: "promise", epoch: 3, manifest: new Uint8Array([1]), lost: { epoch: 2, sequence: 9 } },
    { kind: "refusal", epoch: 3, promised: 4 },
    { kind: "offer", epoch: 3, manifest: new Uint8Array([1, 2]) },
    { kind: "change", epoch: 3, base: 6, sequence: 8, difference: new Uint8Array([1, 2]) },
    { kind: "announce", epoch: 3, sequence: 8 },
    { kind: "ack", epoch: 3, sequence: 0 },
    { kind: "want", epoch: 3, hashes: [hash] },
    { kind: "blocks", epoch: 3, blocks: [new Uint8Array([1]), new Uint8Array()] },
  ];
  for (const message of messages) {
    it(`${message.kind} is read as it was written`, () => {
      expect(decodeMessage(encodeMessage("slurmctld", message))).to.deep.equal({
        name: "slurmctld",
        message,
      });
    });
  }

  it("is nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(() => decodeMessage(bytes)).to.throw("not a message");
      }),
    );
  });
});

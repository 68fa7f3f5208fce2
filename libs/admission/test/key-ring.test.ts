import { expect } from "chai";
import fc from "fast-check";
import { generateSigningKey } from "@cluster-os/identity";
import { seededRng, shuffled } from "@cluster-os/std";
import {
  AdmissionError,
  handRingKeys,
  KeyRing,
  nextRingKeyId,
  openRingKey,
  receiveRingKeys,
  ringKeyCheck,
  ringKeyNumber,
  signRingKey,
  type RingKey,
} from "../src/index.ts";
import { authority, bob, carol, genesisOf } from "./support.ts";

const { clusterId, payload } = genesisOf();
const trust = { clusterId, authorityKey: payload.authorityKey };
const key = (id: number, fill = id): RingKey => ({ id, key: new Uint8Array(32).fill(fill) });
const GENESIS = key(1);

function record(of: RingKey, stage: "staged" | "active", signer = authority): Uint8Array {
  const check = ringKeyCheck(of, clusterId);
  return signRingKey({ clusterId, id: of.id, check, stage, revocations: 0, madeAt: 5 }, signer);
}

const ringOf = (keys: readonly RingKey[], records: readonly Uint8Array[] = []): KeyRing =>
  new KeyRing(trust, { keys, records });

describe("key ring", () => {
  it("seals with the key of genesis until another is active", () => {
    const genesis = ringOf([GENESIS]);
    const staged = genesis.with({ keys: [key(300)], records: [record(key(300), "staged")] });
    const active = staged.with({ records: [record(key(300), "active")] });
    expect([genesis, staged, active].map(({ sealing }) => sealing.id)).to.deep.equal([1, 1, 300]);
    expect(staged.sealingLast.map(({ id }) => id)).to.deep.equal([300, 1]);
    expect(active.sealingLast.map(({ id }) => id)).to.deep.equal([1, 300]);
    expect(active.retired().contents.keys).to.deep.equal([key(300)]);
    expect([staged.hasOldKeys, active.hasOldKeys, active.retired().hasOldKeys]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });

  it("knows that it lacks a key that was announced, and goes on with what it has", () => {
    const behind = ringOf([GENESIS]).with({ records: [record(key(300), "active")] });
    expect(behind.isBehind).to.equal(true);
    expect(behind.sealing).to.deep.equal(GENESIS);
    expect(behind.with({ keys: [key(300)] }).sealing).to.deep.equal(key(300));
  });

  const refused: readonly { name: string; keys: RingKey[]; records: Uint8Array[] }[] = [
    { name: "a key without the authority's word", keys: [key(300)], records: [] },
    { name: "a key under the ID of genesis's", keys: [key(1, 9)], records: [] },
    { name: "another key than the record is of", keys: [key(300, 9)], records: [record(key(300), "active")] },
  ];
  for (const { name, keys, records } of refused) {
    it(`leaves out ${name}`, () => {
      const ring = ringOf([GENESIS]).with({ keys, records });
      expect(ring.contents.keys).to.deep.equal([GENESIS]);
      expect(ring.sealing).to.deep.equal(GENESIS);
    });
  }

  it("refuses a record by another than the authority, and of another cluster", () => {
    const foreign = record(key(300), "active", generateSigningKey(seededRng(8)));
    expect(() => ringOf([GENESIS]).with({ records: [foreign] })).to.throw("another key");
    expect(() => openRingKey(record(key(300), "active"), { ...trust, clusterId: "0".repeat(32) })).to.throw(
      AdmissionError,
      "is of cluster",
    );
    expect(() => ringOf([])).to.throw(AdmissionError, "none of the ring keys");
  });

  it("is the same whatever the order in which keys and records came", () => {
    const rotations = [300, 301, 700].map((id) => key(id));
    const pieces = rotations.flatMap((one) => [
      { keys: [one] },
      { records: [record(one, "staged")] },
      { records: [record(one, "active")] },
    ]);
    const all = { keys: rotations, records: rotations.map((one) => record(one, "active")) };
    const expected = ringOf([GENESIS]).with(all);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        // A key without its record is left out, so what was handed comes again, as it does from members.
        const order = shuffled(seededRng(seed), pieces);
        const ring = [...order, ...order].reduce((before, piece) => before.with(piece), ringOf([GENESIS]));
        expect(ring.contents).to.deep.equal(expected.contents);
        expect(ring.sealing.id).to.equal(700);
      }),
      { numRuns: 20 },
    );
  });

  it("numbers rotations from 1, whatever ID each chose", () => {
    const first = nextRingKeyId(1, seededRng(1));
    const second = nextRingKeyId(first, seededRng(2));
    expect([1, first, second].map(ringKeyNumber)).to.deep.equal([1, 2, 3]);
    expect(nextRingKeyId(1, seededRng(3))).to.not.equal(first);
  });
});

describe("handed ring keys", () => {
  it("open for one node of one cluster", () => {
    const handing = { clusterId, keys: [key(4)], records: [], revocations: [] };
    const box = handRingKeys(carol.sealing.publicKey, handing, seededRng(1));
    expect(receiveRingKeys(carol.sealing, box, clusterId)).to.deep.equal(handing);
    expect(() => receiveRingKeys(bob.sealing, box, clusterId)).to.throw("does not open");
    expect(() => receiveRingKeys(carol.sealing, box, "0".repeat(32))).to.throw(
      AdmissionError,
      "another cluster",
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { encodeCbor, RecordError } from "@cluster-os/identity";
import { toHex } from "@cluster-os/std";
import { decodeMessage, encodeMessage, type Body, type Message } from "../src/message.ts";
import { decodeNews, encodeNews, type News } from "../src/news.ts";
import { signAlive, signLeft, StatementReader } from "../src/records.ts";
import { ReplayWindow } from "../src/replay.ts";
import { Sealing, SEALING_BYTES } from "../src/sealing.ts";
import { CLUSTER_ID, descriptionNumber, identityNumber, RING_KEY } from "./mini-network.ts";

const nodeIds = fc.integer({ min: 1, max: 5 }).map((number) => identityNumber(number).nodeId);
const incarnations = fc.integer({ min: 0, max: 2 ** 52 + 2 ** 20 });
const byteStrings = fc.uint8Array({ maxLength: 50 }).map((bytes) => new Uint8Array(bytes));
const factKeys = fc.string({ minLength: 1, maxLength: 30 });

const newsOfAnyKind: fc.Arbitrary<News> = fc.oneof(
  fc.record({ kind: fc.constant("fact" as const), key: factKeys, bytes: byteStrings }),
  fc.record({
    kind: fc.constant("alive" as const),
    record: byteStrings,
    address: fc.string({ maxLength: 50 }),
  }),
  fc.record({ kind: fc.constant("left" as const), record: byteStrings }),
  fc.record({
    kind: fc.constantFrom("suspect" as const, "failed" as const),
    nodeId: nodeIds,
    incarnation: incarnations,
    accuser: nodeIds,
  }),
);

const bodyOfAnyKind: fc.Arbitrary<Body> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("ping" as const, "ack" as const, "nack" as const),
    sequence: incarnations,
  }),
  fc.record({
    kind: fc.constant("ping-request" as const),
    sequence: incarnations,
    target: nodeIds,
    address: fc.string({ maxLength: 50 }),
  }),
  fc.constant({ kind: "gossip" as const }),
  fc.record({ kind: fc.constant("sync-hash" as const), hash: byteStrings }),
  fc.record({
    kind: fc.constant("sync-offer" as const),
    members: fc.array(
      fc.record({
        nodeId: nodeIds,
        incarnation: incarnations,
        status: fc.constantFrom("alive" as const, "failed" as const, "left" as const),
      }),
    ),
    facts: fc.array(fc.record({ key: factKeys, version: incarnations, hash: byteStrings })),
  }),
  fc.record({
    kind: fc.constant("sync-data" as const),
    members: fc.array(nodeIds),
    facts: fc.array(factKeys),
  }),
  fc.record({ kind: fc.constant("user" as const), topic: fc.string({ maxLength: 50 }), body: byteStrings }),
);

describe("the wire", () => {
  it("gives back every message", () => {
    fc.assert(
      fc.property(bodyOfAnyKind, fc.array(byteStrings, { maxLength: 5 }), (body, news) => {
        const message: Message = { body, news };
        expect(decodeMessage(encodeMessage(message))).to.deep.equal(message);
      }),
    );
  });

  it("gives back every piece of news", () => {
    fc.assert(
      fc.property(newsOfAnyKind, (news) => {
        expect(decodeNews(encodeNews(news))).to.deep.equal(news);
      }),
    );
  });

  it("takes garbage for nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        decodeMessage(garbage);
        decodeNews(garbage);
      }),
    );
    const wrong: unknown[] = [
      [],
      [99],
      [3, new Uint8Array(31), 1, new Uint8Array(32)],
      [0, "", new Uint8Array(1)],
      "text",
    ];
    for (const value of wrong) expect(decodeNews(encodeCbor(value))).to.equal(undefined);
    for (const value of [[[99], []], [[0, -1], []], [[0, 1]], [[0, 1], ["news"]]]) {
      expect(decodeMessage(encodeCbor(value))).to.equal(undefined);
    }
  });
});

describe("statements", () => {
  const description = descriptionNumber(1);
  const identity = identityNumber(1);

  it("say of a node what it signed", () => {
    const reader = new StatementReader();
    const alive = signAlive(identity, 5, { ...description, label: "rack 3" });
    expect(reader.open("alive", alive.bytes)).to.deep.equal(alive);
    const left = signLeft(identity, 6);
    expect(reader.open("left", left.bytes)).to.deep.equal(left);
  });

  it("are refused when changed, or taken for another kind", () => {
    const reader = new StatementReader();
    const { bytes } = signAlive(identity, 5, description);
    expect(() => reader.open("left", bytes)).to.throw(RecordError);
    const changed = Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 100 ? byte ^ 1 : byte));
    expect(() => reader.open("alive", changed)).to.throw(RecordError);
  });
});

/** Where a message has its sender's key. */
const SENDER_AT = 11;

describe("sealing", () => {
  const options = { clusterId: CLUSTER_ID, ringKeys: [RING_KEY], bootCounter: 3 };
  const alice = new Sealing({ ...options, identity: identityNumber(1) });
  const bob = new Sealing({ ...options, identity: identityNumber(2) });
  const plain = new Uint8Array([1, 2, 3]);

  it("opens for whom it is meant, and says who sent it", () => {
    const opened = bob.open(alice.seal(plain, identityNumber(2).nodeId));
    if ("why" in opened) return expect.fail(opened.why);
    expect(opened).to.include({ sender: identityNumber(1).nodeId, bootCounter: 3 });
    expect(opened.plain).to.deep.equal(plain);
    expect(opened.isGenuine()).to.equal(true);
  });

  it("is not genuine where its sender is another than it says, or it is sent back", () => {
    const [aliceId, bobId] = [identityNumber(1), identityNumber(2)];
    const inAlicesName = { ...identityNumber(3), nodeId: aliceId.nodeId, publicKey: aliceId.publicKey };
    const forger = new Sealing({ ...options, identity: inAlicesName });
    for (const audience of [bobId.nodeId, undefined]) {
      const opened = bob.open(forger.seal(plain, audience));
      expect("isGenuine" in opened && opened.isGenuine(), String(audience)).to.equal(false);
      const own = bob.open(alice.seal(plain, audience));
      expect("isGenuine" in own && own.isGenuine(), String(audience)).to.equal(true);
    }
    // In the name of the one it was sent to: the key of the two is the same.
    const sentBack = alice.seal(plain, bobId.nodeId);
    sentBack.set(bobId.publicKey, SENDER_AT);
    expect(alice.open(sentBack)).to.have.property("why", "unopened");
  });

  it("never uses a nonce twice, and adds no more than it says", () => {
    const sealed = Array.from({ length: 50 }, () => alice.seal(plain, undefined));
    expect(new Set(sealed.map((bytes) => toHex(bytes.subarray(43, 55)))).size).to.equal(50);
    expect(sealed[0]).to.have.length(plain.length + SEALING_BYTES);
  });

  const other = { id: 1, key: new Uint8Array(32).fill(9) };
  const refused: [string, string, Sealing][] = [
    [
      "another ring key of the same ID",
      "unopened",
      new Sealing({ ...options, identity: identityNumber(2), ringKeys: [other] }),
    ],
    [
      "a ring key of another ID",
      "unknownKey",
      new Sealing({ ...options, identity: identityNumber(2), ringKeys: [{ ...RING_KEY, id: 2 }] }),
    ],
    [
      "another cluster",
      "foreign",
      new Sealing({ ...options, identity: identityNumber(2), clusterId: "f".repeat(32) }),
    ],
    [
      "another cluster whose ID begins like this one's",
      "unopened",
      new Sealing({ ...options, identity: identityNumber(2), clusterId: CLUSTER_ID.slice(0, 30) + "00" }),
    ],
    ["another receiver", "unopened", new Sealing({ ...options, identity: identityNumber(3) })],
  ];
  for (const [name, why, reader] of refused) {
    it(`does not open for ${name}: ${why}`, () => {
      expect(reader.open(alice.seal(plain, identityNumber(2).nodeId))).to.have.property("why", why);
    });
  }

  it("opens under an older ring key while a new one is exchanged", () => {
    const rotating = new Sealing({
      ...options,
      identity: identityNumber(2),
      ringKeys: [RING_KEY, { id: 2, key: other.key }],
    });
    expect(rotating.open(alice.seal(plain, undefined))).to.have.property("sender");
    expect(alice.open(rotating.seal(plain, undefined)), "sealed with the newest").to.deep.equal({
      why: "unknownKey",
      sender: identityNumber(2).nodeId,
      ringKeyId: 2,
    });
    alice.setRingKeys([RING_KEY, { id: 2, key: other.key }]);
    expect(alice.open(rotating.seal(plain, undefined))).to.have.property("sender");
    alice.setRingKeys([RING_KEY]);
  });

  it("notices every changed bit", () => {
    const sealed = alice.seal(plain, undefined);
    fc.assert(
      fc.property(fc.nat({ max: sealed.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ (1 << bit) : byte));
        expect(bob.open(changed)).to.have.property("why");
      }),
    );
  });
});

describe("the replay window", () => {
  it("agrees with a list of all that came, within its reach", () => {
    const events = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 3_000 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(events, (heard) => {
        const window = new ReplayWindow();
        const seen = new Set<string>();
        let [highestBoot, highest] = [0, -1];
        for (const [boot, sequence] of heard) {
          const isFresh = window.isFresh(boot, sequence);
          if (boot < highestBoot) expect(isFresh, "of an earlier boot").to.equal(false);
          else if (boot > highestBoot) expect(isFresh, "of a later boot").to.equal(true);
          else if (sequence <= highest - 1_024) expect(isFresh, "too old").to.equal(false);
          else expect(isFresh).to.equal(!seen.has(`${boot} ${sequence}`));
          if (!isFresh) continue;
          window.add(boot, sequence);
          seen.add(`${boot} ${sequence}`);
          highest = boot > highestBoot ? sequence : Math.max(highest, sequence);
          highestBoot = boot;
        }
      }),
      { numRuns: 300 },
    );
  });
});

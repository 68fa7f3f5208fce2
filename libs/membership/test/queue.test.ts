import { expect } from "chai";
import fc from "fast-check";
import { BroadcastQueue, retransmitLimit } from "../src/broadcast-queue.ts";
import { decodeMessage, encodeMessage, type Body } from "../src/message.ts";
import { NEWS_OVERHEAD_BYTES, roomForNews, splitNews } from "../src/packing.ts";
import { SEALING_BYTES } from "../src/sealing.ts";

const bytes = (size: number, fill: number): Uint8Array => new Uint8Array(size).fill(fill);
const all = { budget: 10_000, largest: 1_000, overhead: 0, limit: 2, isCounted: true };

describe("broadcast queue", () => {
  it("sends each piece a number of times and then forgets it", () => {
    const queue = new BroadcastQueue();
    queue.put("a", bytes(10, 1));
    expect(queue.take(all)).to.have.length(1);
    expect(queue.take(all)).to.have.length(1);
    expect(queue.isEmpty).to.equal(true);
    expect(queue.take(all)).to.have.length(0);
  });

  it("replaces what is old about a subject, and begins to count anew", () => {
    const queue = new BroadcastQueue();
    queue.put("a", bytes(1, 1));
    queue.take(all);
    queue.put("a", bytes(1, 2));
    expect(queue.take(all)).to.deep.equal([bytes(1, 2)]);
    expect(queue.isEmpty).to.equal(false);
  });

  it("prefers what was sent least, then what is newest", () => {
    const queue = new BroadcastQueue();
    queue.put("old", bytes(1, 1));
    queue.take(all);
    queue.put("new", bytes(1, 2));
    queue.put("newest", bytes(1, 3));
    const order = queue.take({ ...all, limit: 9 }).map(([first]) => first);
    expect(order).to.deep.equal([3, 2, 1]);
  });

  it("fills the room it has, passing over what is too large", () => {
    const queue = new BroadcastQueue();
    for (const [subject, size] of [
      ["a", 40],
      ["b", 70],
      ["c", 30],
    ] as const)
      queue.put(subject, bytes(size, size));
    const sizes = queue.take({ ...all, budget: 82, overhead: 2 }).map(({ length }) => length);
    expect(sizes).to.deep.equal([30, 40].reverse().sort((a, b) => a - b));
  });

  it("gives only what came later, if that is asked for", () => {
    const queue = new BroadcastQueue();
    queue.put("old", bytes(1, 1));
    queue.put("old and large", bytes(2_000, 1));
    const after = queue.newest;
    queue.put("new", bytes(1, 2));
    expect(queue.take({ ...all, after })).to.deep.equal([bytes(1, 2)]);
    expect(queue.takeLarge({ ...all, after })).to.equal(undefined);
    queue.put("old", bytes(1, 3));
    expect(queue.take({ ...all, after: after + 1 })).to.deep.equal([bytes(1, 3)]);
  });

  it("keeps large pieces apart", () => {
    const queue = new BroadcastQueue();
    queue.put("small", bytes(10, 1));
    queue.put("large", bytes(2_000, 2));
    expect(queue.take(all).map(({ length }) => length)).to.deep.equal([10]);
    expect(queue.takeLarge(all)).to.have.length(2_000);
    expect(queue.takeLarge(all)).to.have.length(2_000);
    expect(queue.takeLarge(all)).to.equal(undefined);
  });

  it("does not count what may be told in vain", () => {
    const queue = new BroadcastQueue();
    queue.put("a", bytes(1, 1));
    for (const _time of [1, 2, 3]) expect(queue.take({ ...all, isCounted: false })).to.have.length(1);
    expect(queue.isEmpty).to.equal(false);
  });

  it("sends more often in larger clusters", () => {
    expect([1, 3, 9, 50, 99, 999].map((count) => retransmitLimit(4, count))).to.deep.equal([
      4, 4, 4, 7, 8, 12,
    ]);
  });
});

describe("packing", () => {
  const bodies: Body[] = [
    { kind: "gossip" },
    { kind: "ping", sequence: 2 ** 31 },
    { kind: "user", topic: "topic", body: bytes(300, 1) },
  ];
  for (const body of bodies) {
    it(`fills a datagram to the brim and not over, beside ${body.kind}`, () => {
      const room = roomForNews(body, 1_200);
      const count = Math.floor(room / (40 + NEWS_OVERHEAD_BYTES));
      const news = Array.from({ length: count }, () => bytes(40, 3));
      const size = encodeMessage({ body, news }).length + SEALING_BYTES;
      expect(size)
        .to.be.at.most(1_200)
        .and.greaterThan(1_200 - 2 * (40 + NEWS_OVERHEAD_BYTES) - 30);
      const whole = [bytes(room - NEWS_OVERHEAD_BYTES, 1)];
      expect(encodeMessage({ body, news: whole }).length + SEALING_BYTES).to.be.at.most(1_200);
    });
  }

  it("has no room beside what is too large itself", () => {
    expect(roomForNews({ kind: "user", topic: "t", body: bytes(2_000, 1) }, 1_200)).to.equal(0);
  });

  it("splits without loss, in order, and within the room where that is possible", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 50, max: 500 }), (lengths, room) => {
        const news = lengths.map((length, index) => bytes(length, index));
        const parts = splitNews(news, room);
        expect(parts.flat()).to.deep.equal(news);
        for (const part of parts) {
          const size = part.reduce((sum, item) => sum + item.length + NEWS_OVERHEAD_BYTES, 0);
          expect(size <= room || part.length === 1).to.equal(true);
        }
        const body: Body = { kind: "gossip" };
        for (const part of parts)
          expect(decodeMessage(encodeMessage({ body, news: part }))?.news).to.have.length(part.length);
      }),
    );
  });
});

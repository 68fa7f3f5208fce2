import { expect } from "chai";
import { signRecord } from "@cluster-os/identity";
import { z } from "zod";
import type { MembershipEffect } from "../src/index.ts";
import { encodeMessage } from "../src/message.ts";
import { decodeNews, encodeNews, type News } from "../src/news.ts";
import { signAlive } from "../src/records.ts";
import { Sealing } from "../src/sealing.ts";
import { firstIncarnation } from "../src/self.ts";
import { forger, statusOn } from "./forger.ts";
import {
  addressOf,
  CLUSTER_ID,
  descriptionNumber,
  formedCluster,
  identityNumber,
  range,
  RING_KEY,
  type MiniNetwork,
} from "./mini-network.ts";

const LIAR = 3;
const LAST_INCARNATION = Number.MAX_SAFE_INTEGER;

/** What node 3 says of node 2, signed by itself. */
function lieAbout(number: number, at: number): News {
  const genuine = signAlive(identityNumber(number), firstIncarnation(1) + at, descriptionNumber(number));
  const record = new Uint8Array(genuine.bytes);
  record[record.length - 1 - (at % 32)]! ^= 1;
  return { kind: "alive", record, address: "" };
}

/** Node 3's own record, with what no node says; the schema of real ones does not count. */
function ownRecord(payload: { incarnation: number; padding?: Uint8Array }): News {
  const type = { name: "node", version: 1, payload: z.looseObject({ incarnation: z.number() }) };
  const words = { description: descriptionNumber(LIAR), ...payload };
  return { kind: "alive", record: signRecord(type, words, identityNumber(LIAR)), address: "" };
}

const tell = forger(LIAR, 1_000);

function hear(network: MiniNetwork, news: readonly News[]): readonly MembershipEffect[] {
  const bytes = tell(1, { kind: "gossip" }, news);
  return network.feed(1, { kind: "datagram", from: addressOf(LIAR), bytes });
}

const misdeeds = (network: MiniNetwork) =>
  network.node(1).effects.filter((effect) => effect.kind === "misconduct");

describe("a member that lies", () => {
  it("is named once, however much of it is refused", () => {
    const network = formedCluster(3, { seed: 41 });
    for (const at of range(1, 10)) hear(network, [lieAbout(2, at)]);
    expect(misdeeds(network)).to.deep.equal([
      { kind: "misconduct", nodeId: identityNumber(LIAR).nodeId, from: addressOf(LIAR), what: "news" },
    ]);
    expect(network.node(1).membership.counters().badNews).to.equal(10);
  });

  it("is not read for a while once much of it was refused, and lives on all the same", () => {
    const network = formedCluster(3, { seed: 42 });
    for (const at of range(1, 400)) hear(network, [lieAbout(2, at)]);
    const { badNews, unread } = network.node(1).membership.counters();
    expect(badNews).to.be.at.least(64).and.at.most(66);
    expect(badNews + unread).to.equal(400);
    network.run(20_000);
    const statuses = range(1, 3).map((number) => [2, 3].map((other) => statusOn(network, number, other)));
    expect(statuses.flat().filter((status) => status === "failed" || status === "suspect")).to.deep.equal([]);
    expect(network.node(1).changes.filter(({ status }) => status === "failed")).to.deep.equal([]);
    hear(network, [lieAbout(2, 1)]);
    expect(network.node(1).membership.counters().badNews, "heard again").to.equal(badNews + 1);
  });

  const refused: [string, () => News][] = [
    ["puts itself beyond every count", () => ownRecord({ incarnation: LAST_INCARNATION })],
    [
      "says ten megabytes of itself",
      () => ownRecord({ incarnation: firstIncarnation(1_000), padding: new Uint8Array(10_000_000) }),
    ],
  ];
  for (const [name, lie] of refused) {
    it(`that ${name} is not heard, and nobody is told`, () => {
      const network = formedCluster(3, { seed: 43 });
      const before = network.node(1).membership.members();
      const effects = hear(network, [lie()]);
      expect(network.node(1).membership.members()).to.deep.equal(before);
      expect(effects.filter(({ kind }) => kind === "member-changed")).to.deep.equal([]);
      expect(misdeeds(network)).to.have.length(1);
      const { sentBytes } = network;
      network.run(2_000);
      expect(network.sentBytes - sentBytes, "passed on").to.be.lessThan(100_000);
    });
  }

  it("cannot accuse anybody of a life that is beyond every count", () => {
    const accused = { nodeId: identityNumber(2).nodeId, accuser: identityNumber(LIAR).nodeId };
    const news = encodeNews({ kind: "failed", ...accused, incarnation: LAST_INCARNATION });
    expect(decodeNews(news)).to.equal(undefined);
  });

  for (const [manner, audience] of [
    ["to one", 1],
    ["to whoever hears it", undefined],
  ] as const)
    it(`that speaks in another's name, ${manner}, is named by where it speaks from, and the other is heard as ever`, () => {
      const network = formedCluster(3, { seed: 44 });
      const { nodeId, publicKey } = identityNumber(2);
      // Whoever holds the ring key can seal as any member, and sign as none but itself.
      const identity = { ...identityNumber(LIAR), nodeId, publicKey };
      const options = { clusterId: CLUSTER_ID, ringKeys: [RING_KEY], bootCounter: 1_000 };
      const sealing = new Sealing({ identity, ...options });
      const plain = encodeMessage({ body: { kind: "gossip" }, news: [] });
      for (let count = 0; count < 100; count += 1) {
        const bytes = sealing.seal(plain, audience && identityNumber(audience).nodeId);
        network.feed(1, { kind: "datagram", from: addressOf(LIAR), bytes });
      }
      expect(misdeeds(network)).to.deep.equal([
        { kind: "misconduct", nodeId, from: addressOf(LIAR), what: "forged" },
      ]);
      network.run(10_000);
      expect(network.allSee([1, 2, 3], "alive")).to.equal(true);
      expect(network.node(1).changes.filter(({ status }) => status === "suspect")).to.deep.equal([]);
    });
});

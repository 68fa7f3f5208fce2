import { expect } from "chai";
import fc from "fast-check";
import { deriveKey, nodeIdOf, sealWithKey, type NodeId } from "@cluster-os/identity";
import { concatBytes, utf8 } from "@cluster-os/std";
import type { MembershipEffect } from "../src/index.ts";
import { encodeMessage } from "../src/message.ts";
import type { News } from "../src/news.ts";
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
  MiniNetwork,
  range,
  RING_KEY,
} from "./mini-network.ts";

const STRANGER = 66;
/** Kind, version, audience, cluster, ring key, sender and nonce. */
const HEADER_BYTES = 55;
const idOf = (number: number): NodeId => identityNumber(number).nodeId;
const sends = (effects: readonly MembershipEffect[]) => effects.filter((effect) => effect.kind === "send");

describe("a node among strangers", () => {
  it("survives garbage, and counts it", () => {
    const network = formedCluster(2, { seed: 1 });
    const real = forger(2)(1, { kind: "ping", sequence: 1 });
    const before = network.node(1).membership.members();
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((tail) => new Uint8Array([...real.subarray(0, 60), ...tail])),
      fc.nat({ max: real.length }).map((length) => real.subarray(0, length - 1)),
    );
    fc.assert(
      fc.property(garbage, fc.string(), (bytes, from) => {
        network.feed(1, { kind: "datagram", from, bytes });
      }),
    );
    const { malformed, unopened, foreign, unknownKey, accepted } = network.node(1).membership.counters();
    expect(malformed).to.be.greaterThan(0);
    expect(unopened + foreign + unknownKey).to.be.greaterThan(0);
    expect(accepted).to.be.lessThan(20);
    expect(network.node(1).membership.members()).to.deep.equal(before);
  });

  it("survives garbage sealed by a member", () => {
    const network = formedCluster(2, { seed: 2 });
    const options = {
      identity: identityNumber(2),
      clusterId: CLUSTER_ID,
      ringKeys: [RING_KEY],
      bootCounter: 9,
    };
    const sealing = new Sealing(options);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 50 }), (garbage, news) => {
        for (const plain of [garbage, encodeMessage({ body: { kind: "gossip" }, news: [news] })]) {
          network.feed(1, { kind: "datagram", from: addressOf(2), bytes: sealing.seal(plain, idOf(1)) });
        }
      }),
    );
    const { malformed, badNews } = network.node(1).membership.counters();
    expect(malformed).to.be.greaterThan(50);
    expect(badNews).to.be.greaterThan(50);
  });

  it("answers nobody whose key signs everything, and does not end over it", () => {
    const network = formedCluster(2, { seed: 3 });
    // The neutral point: R = 0 and S = 0 are its signature of whatever is said, as far as the equation goes.
    const publicKey = new Uint8Array(32).with(0, 1);
    const nodeId = nodeIdOf(publicKey);
    const identity = { ...identityNumber(2), publicKey, nodeId };
    const sealing = new Sealing({ identity, clusterId: CLUSTER_ID, ringKeys: [RING_KEY], bootCounter: 9 });
    const facts = [{ key: "unknown", version: 1, hash: new Uint8Array(8) }];
    const plain = encodeMessage({ body: { kind: "sync-offer", members: [], facts }, news: [] });
    const header = sealing.seal(plain, undefined).subarray(0, HEADER_BYTES);
    const signature = concatBytes(publicKey, new Uint8Array(32));
    const key = deriveKey(RING_KEY.key, utf8(CLUSTER_ID), `cluster-os/membership/v1/${nodeId}`);
    const sealed = sealWithKey(
      key,
      header.subarray(HEADER_BYTES - 12),
      concatBytes(signature, plain),
      header,
    );
    const effects = network.feed(1, {
      kind: "datagram",
      from: addressOf(2),
      bytes: concatBytes(header, sealed),
    });
    expect(effects.filter(({ kind }) => kind === "send")).to.deep.equal([]);
    expect(network.node(1).membership.counters().forged).to.equal(1);
  });

  const foreign = [
    {
      name: "another ring key",
      counter: "unopened" as const,
      options: { ringKeys: [{ id: 1, key: new Uint8Array(32).fill(1) }] },
    },
    {
      name: "a ring key of another ID",
      counter: "unknownKey" as const,
      options: { ringKeys: [{ ...RING_KEY, id: 5 }] },
    },
    { name: "another cluster", counter: "foreign" as const, options: { clusterId: "ff".repeat(16) } },
  ];
  for (const { name, counter, options } of foreign) {
    it(`does not hear a node of ${name}, and is not heard`, () => {
      const network = formedCluster(2, { seed: 3 });
      network.add(STRANGER, options);
      network.feed(STRANGER, { kind: "join", seeds: [addressOf(1)] });
      network.feed(1, { kind: "join", seeds: [addressOf(STRANGER)] });
      network.run(20_000);
      expect(statusOn(network, 1, STRANGER)).to.equal(undefined);
      expect(network.node(STRANGER).membership.members()).to.have.length(1);
      expect(network.node(1).membership.counters()[counter]).to.be.greaterThan(0);
    });
  }

  it("refuses a message that it heard before, and one from before its sender's last start", () => {
    const network = formedCluster(2, { seed: 4 });
    const old = forger(2, 8)(1, { kind: "user", topic: "old", body: new Uint8Array() });
    const bytes = forger(2, 9)(1, { kind: "user", topic: "new", body: new Uint8Array() });
    for (const sealed of [bytes, bytes, old])
      network.feed(1, { kind: "datagram", from: addressOf(2), bytes: sealed });
    const topics = network
      .node(1)
      .effects.flatMap((effect) => (effect.kind === "message" ? [effect.topic] : []));
    expect(topics).to.deep.equal(["new"]);
    expect(network.node(1).membership.counters().replayed).to.equal(2);
  });

  it("does not open what was meant for another, so a copy teaches it no wrong address", () => {
    const network = formedCluster(3, { seed: 5 });
    const bytes = forger(2)(3, { kind: "ping", sequence: 1 });
    network.feed(1, { kind: "datagram", from: "10.6.6.6:8686", bytes });
    const known = network
      .node(1)
      .membership.members()
      .find(({ nodeId }) => nodeId === idOf(2));
    expect(known?.address).to.equal(addressOf(2));
  });

  it("does not take a member's word for another member's", () => {
    const network = formedCluster(3, { seed: 6 });
    const incarnation = firstIncarnation(1) + 5;
    const { bytes } = signAlive(identityNumber(2), incarnation, descriptionNumber(9));
    const changed = Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));
    const news: News[] = [{ kind: "alive", record: changed, address: "10.6.6.6:8686" }];
    network.feed(1, { kind: "datagram", from: addressOf(3), bytes: forger(3)(1, { kind: "gossip" }, news) });
    expect(network.node(1).membership.counters().badNews).to.equal(1);
    const known = network
      .node(1)
      .membership.members()
      .find(({ nodeId }) => nodeId === idOf(2));
    expect(known).to.include({ incarnation: firstIncarnation(1), address: addressOf(2) });
  });

  it("cannot be put so far ahead that it never catches up", () => {
    const network = formedCluster(3, { seed: 7 });
    const accusation = { nodeId: idOf(2), incarnation: Number.MAX_SAFE_INTEGER, accuser: idOf(3) };
    const bytes = (to: number) =>
      forger(3, 9 + to)(to, { kind: "gossip" }, [{ kind: "failed", ...accusation }]);
    for (const to of [1, 2]) network.feed(to, { kind: "datagram", from: addressOf(3), bytes: bytes(to) });
    network.run(1_000);
    expect(statusOn(network, 1, 2)).to.equal("alive");
    expect(network.node(2).membership.counters().refutations).to.equal(0);
  });

  it("answers a false accusation", () => {
    const network = formedCluster(4, { seed: 8 });
    const news: News[] = [
      { kind: "failed", nodeId: idOf(2), incarnation: firstIncarnation(1), accuser: idOf(3) },
    ];
    network.feed(1, { kind: "datagram", from: addressOf(3), bytes: forger(3)(1, { kind: "gossip" }, news) });
    expect(statusOn(network, 1, 2), "another's verdict is a suspicion").to.equal("suspect");
    network.kill(3);
    const others = network.nodes.filter(({ number }) => number !== 3);
    network.runUntil("it is alive again", 5_000, () => network.allSee([2], "alive", others));
    expect(network.node(2).membership.counters().refutations).to.be.greaterThan(0);
  });

  it("knows when its key is used elsewhere", () => {
    const network = formedCluster(2, { seed: 9 });
    const { bytes: record } = signAlive(identityNumber(1), firstIncarnation(7), descriptionNumber(5));
    const told = forger(2)(1, { kind: "gossip" }, [{ kind: "alive", record, address: "" }]);
    network.feed(1, { kind: "datagram", from: addressOf(2), bytes: told });
    expect(network.node(1).membership.counters().ownKeyElsewhere).to.equal(1);
    network.run(1_000);
    const own = network
      .node(2)
      .membership.members()
      .find(({ nodeId }) => nodeId === idOf(1));
    expect(own?.incarnation, "what it says now counts").to.equal(firstIncarnation(7) + 1);
    const copy = forger(1, 20)(1, { kind: "ping", sequence: 1 });
    expect(sends(network.feed(1, { kind: "datagram", from: addressOf(9), bytes: copy }))).to.deep.equal([]);
    expect(network.node(1).membership.counters().ownKeyElsewhere).to.equal(2);
  });

  it("takes its own beacon for no other machine", () => {
    const network = new MiniNetwork({ seed: 10 });
    network.add(1);
    network.feed(1, { kind: "join", seeds: [addressOf(1)] });
    network.run(5_000);
    expect(network.node(1).membership.counters()).to.include({ ownKeyElsewhere: 0, accepted: 0 });
    expect(sends(network.node(1).effects), "a seed that is this node is not dialled again").to.have.length(1);
  });
});

describe("a node that is not admitted", () => {
  const admitted = (...numbers: number[]) => {
    const list = new Set(numbers.map(idOf));
    return { list, isAdmitted: (nodeId: NodeId) => list.has(nodeId) };
  };

  it("is neither answered nor told of", () => {
    const { isAdmitted } = admitted(1, 2);
    const network = formedCluster(2, { seed: 11 }, { isAdmitted });
    network.add(STRANGER);
    network.feed(STRANGER, { kind: "join", seeds: [addressOf(1)] });
    const ping = forger(STRANGER, 5)(1, { kind: "ping", sequence: 1 });
    expect(
      sends(network.feed(1, { kind: "datagram", from: addressOf(STRANGER), bytes: ping })),
    ).to.deep.equal([]);
    network.run(10_000);
    for (const number of [1, 2]) expect(statusOn(network, number, STRANGER)).to.equal(undefined);
    expect(network.node(STRANGER).membership.members()).to.have.length(1);
    expect(network.node(1).membership.counters().unadmitted).to.be.greaterThan(1);
  });

  /** Each node admits by the facts it holds: the key is "admission" and a node's ID. */
  function byFacts(founders: readonly number[]) {
    const list = new Set(founders.map(idOf));
    return {
      isAdmitted: (nodeId: NodeId) => list.has(nodeId),
      verifyFact: (key: string, bytes: Uint8Array) => {
        const nodeId = key.replace(/^admission /, "") as NodeId;
        if (bytes[0] === 1) list.add(nodeId);
        else list.delete(nodeId);
        return { version: bytes[0]! };
      },
    };
  }

  const admission = { key: `admission ${idOf(STRANGER)}`, bytes: new Uint8Array([1]) };

  it("is let in by the fact that it brings along", () => {
    const network = new MiniNetwork({ seed: 12 });
    for (const number of [1, 2]) network.add(number, byFacts([1, 2]));
    network.feed(2, { kind: "join", seeds: [addressOf(1)] });
    network.add(STRANGER, byFacts([1, 2]));
    network.feed(STRANGER, { kind: "publish-fact", ...admission });
    network.feed(STRANGER, { kind: "join", seeds: [addressOf(2)] });
    network.runUntil("all know all", 2_000, () => network.allSee([1, 2, STRANGER], "alive"));
  });

  it("is known to all soon after, though they heard of it before they heard of its admission", () => {
    const network = new MiniNetwork({ seed: 13, loss: 0.1 });
    for (const number of range(1, 6)) network.add(number, byFacts(range(1, 6)));
    for (const number of range(2, 6)) network.feed(number, { kind: "join", seeds: [addressOf(1)] });
    network.add(STRANGER, byFacts([...range(1, 6), STRANGER]));
    network.feed(STRANGER, { kind: "join", seeds: [addressOf(2)] });
    network.run(300);
    network.feed(1, { kind: "publish-fact", ...admission });
    network.runUntil("all know all", 10_000, () => network.allSee([...range(1, 6), STRANGER], "alive"));
  });

  it("disappears everywhere when it is admitted no longer", () => {
    const network = new MiniNetwork({ seed: 14 });
    for (const number of range(1, 4)) network.add(number, byFacts(range(1, 4)));
    for (const number of range(2, 4)) network.feed(number, { kind: "join", seeds: [addressOf(1)] });
    network.runUntil("all know all", 5_000, () => network.allSee(range(1, 4), "alive"));
    const revocation = { key: `admission ${idOf(4)}`, bytes: new Uint8Array([2]) };
    network.feed(1, { kind: "publish-fact", ...revocation });
    const others = network.nodes.slice(0, 3);
    network.runUntil("nobody knows it", 5_000, () =>
      others.every(({ number }) => statusOn(network, number, 4) === undefined),
    );
    network.run(20_000);
    for (const { number } of others) expect(statusOn(network, number, 4), "nor later").to.equal(undefined);
  });
});

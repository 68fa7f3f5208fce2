import { expect } from "chai";
import { defaultMembershipConfig } from "../src/index.ts";
import {
  addressOf,
  descriptionNumber,
  formedCluster,
  identityNumber,
  MiniNetwork,
  range,
  type TestNode,
} from "./mini-network.ts";

const topicOf = (effect: { kind: string }): boolean => effect.kind === "message";

function failures(network: MiniNetwork): number {
  return network.nodes.flatMap(({ changes }) => changes).filter(({ status }) => status === "failed").length;
}

describe("a cluster", function () {
  this.timeout(120_000);

  for (const { count, seed, loss } of [
    { count: 3, seed: 1, loss: 0 },
    { count: 3, seed: 2, loss: 0.05 },
    { count: 10, seed: 3, loss: 0.05 },
    { count: 25, seed: 5, loss: 0.1 },
  ]) {
    it(`of ${count} agrees, notices who dies and nobody else, at ${loss * 100} % loss (seed ${seed})`, () => {
      const network = formedCluster(count, { seed, loss });
      expect(network.now - 1_000, "all know all").to.be.at.most(5_000);
      network.run(15_000);
      expect(failures(network), "nobody failed who lives").to.equal(0);
      network.kill(count);
      network.runUntil("the death is known to all", 12_000, () => network.allSee([count], "failed"));
      expect(network.allSee(range(1, count - 1), "alive")).to.equal(true);
    });
  }

  it("notices a death sooner than serf does: 5.6 s in the median of five nodes", () => {
    const times = range(1, 9).map((seed) => {
      const network = formedCluster(5, { seed });
      network.run(1_000 + seed * 137);
      network.kill(5);
      return network.runUntil("the death is known to all", 20_000, () => network.allSee([5], "failed"));
    });
    expect(times.sort((left, right) => left - right)[4]).to.be.lessThan(5_600);
  });

  it("passes on at once what it hears for the first time, and repeats it at an interval", () => {
    const spread = (newsIntervalMs: number, seed: number): number => {
      const network = new MiniNetwork({ seed });
      for (const number of range(1, 12)) network.add(number, { config: { newsIntervalMs } });
      for (const number of range(2, 12)) network.feed(number, { kind: "join", seeds: [addressOf(1)] });
      network.runUntil("all know all", 15_000, () => network.allSee(range(1, 12), "alive"));
      network.run(2_000);
      // Two pieces, the second while the first is still being told.
      network.feed(1, { kind: "publish-fact", key: "first", bytes: Uint8Array.of(1) });
      network.run(50);
      network.feed(1, { kind: "publish-fact", key: "second", bytes: Uint8Array.of(1) });
      return network.runUntil("all know the second", 5_000, () =>
        network.nodes.every(({ membership }) => membership.facts().has("second")),
      );
    };
    const { newsIntervalMs, gossipIntervalMs } = defaultMembershipConfig;
    const median = (intervalMs: number): number =>
      range(1, 5)
        .map((seed) => spread(intervalMs, seed))
        .sort((left, right) => left - right)[2] ?? Infinity;
    expect(median(newsIntervalMs)).to.be.lessThan(median(gossipIntervalMs) / 1.5);
  });

  it("tells less often, and more each time, where it gets its time late", () => {
    const tell = (lateMs: number) => {
      const network = formedCluster(6, { seed: 31 });
      network.run(5_000);
      const { membership } = network.node(1);
      const { now: since } = network;
      const told = { rounds: 0, messages: 0 };
      // Something new each ten milliseconds, more than there are rounds; its steps come so long after they are due.
      for (let number = 0; network.now < since + 5_000; number += 1) {
        const key = `${number % 100}`;
        network.feed(1, { kind: "publish-fact", key, bytes: Uint8Array.of(1 + Math.floor(number / 100)) });
        network.now = membership.wakeAt + lateMs;
        const sent = network.feed(1, { kind: "wake" }).filter(({ kind }) => kind === "send").length;
        told.rounds += sent > 0 ? 1 : 0;
        told.messages += sent;
      }
      return told;
    };
    const [punctual, late] = [tell(0), tell(120)];
    expect(punctual.rounds).to.be.greaterThan(100);
    // One each 120 ms would be 42; it pauses for four times as long, and pings besides.
    expect(late.rounds).to.be.within(5, 21);
    expect(late.messages).to.be.greaterThan(late.rounds);
  });

  it("says little while nothing happens", () => {
    const network = formedCluster(10, { seed: 8 });
    network.run(30_000);
    const [before, since] = [network.sentBytes, network.now];
    network.run(60_000);
    const bytesPerSecond = (network.sentBytes - before) / 10 / ((network.now - since) / 1_000);
    expect(bytesPerSecond).to.be.lessThan(500);
  });

  it("merges again after a partition, without anyone's help", () => {
    const network = formedCluster(6, { seed: 11 });
    network.partition([1, 2, 3], [4, 5, 6]);
    const [left, right] = [network.nodes.slice(0, 3), network.nodes.slice(3)];
    network.runUntil(
      "each side gives the other up",
      60_000,
      () => network.allSee([4, 5, 6], "failed", left) && network.allSee([1, 2, 3], "failed", right),
    );
    network.feed(1, { kind: "publish-fact", key: "left", bytes: new Uint8Array([1]) });
    network.feed(4, { kind: "publish-fact", key: "right", bytes: new Uint8Array([1]) });
    network.run(120_000);
    network.heal();
    const limitMs = defaultMembershipConfig.redialMaxMs + 10_000;
    network.runUntil("all know all again", limitMs, () => network.allSee(range(1, 6), "alive"));
    const hasBoth = ({ membership }: TestNode): boolean =>
      membership.facts().has("left") && membership.facts().has("right");
    network.runUntil("and all facts", 5_000, () => network.nodes.every(hasBoth));
    network.run(20_000);
    expect(network.allSee(range(1, 6), "alive"), "and it stays so").to.equal(true);
  });

  it("lets a suspect clear itself: nobody dies who lost a third of its messages", () => {
    const network = formedCluster(5, { seed: 12, loss: 0.33 });
    network.run(120_000);
    const refutations = network.nodes.reduce((sum, node) => sum + node.membership.counters().refutations, 0);
    expect(refutations, "there was something to refute").to.be.greaterThan(0);
    expect(failures(network)).to.equal(0);
  });

  it("does not hold its own sleep against others", () => {
    const network = formedCluster(4, { seed: 13 });
    const sleeper = network.node(4);
    network.kill(4);
    network.run(20_000);
    expect(network.allSee([4], "failed")).to.equal(true);
    network.nodes.splice(3, 1);
    sleeper.membership.step({ kind: "wake" }, network.now);
    expect(sleeper.membership.counters().stalls).to.equal(1);
    expect(sleeper.membership.members().every(({ status }) => status === "alive")).to.equal(true);
  });

  it("tells leaving from failing", () => {
    const network = formedCluster(5, { seed: 14 });
    network.feed(5, { kind: "leave" });
    network.run(1_000);
    network.kill(5);
    network.runUntil("all know who left", 5_000, () => network.allSee([5], "left"));
    network.run(20_000);
    expect(failures(network)).to.equal(0);
    expect(network.allSee([5], "left")).to.equal(true);
    expect(network.node(5).membership.wakeAt, "it does not spin").to.be.greaterThan(0);
  });

  it("takes back who left or failed, in its next life", () => {
    const network = formedCluster(4, { seed: 15 });
    network.feed(3, { kind: "leave" });
    network.run(1_000);
    network.kill(3);
    network.kill(4);
    network.runUntil(
      "all know it",
      20_000,
      () => network.allSee([3], "left") && network.allSee([4], "failed"),
    );
    network.add(3, { bootCounter: 2 });
    network.add(4, { bootCounter: 2 });
    for (const number of [3, 4]) network.feed(number, { kind: "join", seeds: [addressOf(1)] });
    network.runUntil("all know all", 10_000, () => network.allSee(range(1, 4), "alive"));
  });

  it("finds each other again when a node comes back while everyone else waits for it", () => {
    const network = formedCluster(3, { seed: 16 });
    network.kill(3);
    network.runUntil("the death is known", 20_000, () => network.allSee([3], "failed"));
    // It knows no seeds: the others dial it.
    network.add(3, { bootCounter: 2 });
    network.runUntil("all know all", 31_000, () => network.allSee([1, 2, 3], "alive"));
  });

  it("tells everyone what a node says of itself", () => {
    const network = formedCluster(8, { seed: 17, loss: 0.05 });
    const description = { ...descriptionNumber(2), roles: ["server"], label: "rack 3" };
    network.feed(2, { kind: "describe", description });
    network.runUntil("all know it", 5_000, () =>
      network.nodes.every(({ membership }) =>
        membership.members().some((member) => member.description?.label === "rack 3"),
      ),
    );
  });

  it("brings facts to everyone, small and large, and to who comes later", () => {
    const network = formedCluster(8, { seed: 18, loss: 0.05 });
    network.feed(1, { kind: "publish-fact", key: "small", bytes: new Uint8Array(100).fill(1) });
    network.feed(2, { kind: "publish-fact", key: "large", bytes: new Uint8Array(5_000).fill(1) });
    network.feed(3, { kind: "publish-fact", key: "small", bytes: new Uint8Array(100).fill(2) });
    const versions = (): string[] =>
      network.nodes.map(({ membership }) =>
        [...membership.facts()]
          .map(([key, { version }]) => `${key} ${version}`)
          .sort()
          .join(),
      );
    network.runUntil("all hold them", 10_000, () => versions().every((held) => held === "large 1,small 2"));
    network.add(9);
    network.feed(9, { kind: "join", seeds: [addressOf(5)] });
    network.runUntil("so does the new one", 5_000, () =>
      versions().every((held) => held === "large 1,small 2"),
    );
    const learned = network.node(9).effects.filter(({ kind }) => kind === "fact-learned");
    expect(learned).to.have.length(2);
  });

  it("brings a message to one member", () => {
    const network = formedCluster(3, { seed: 19 });
    const body = new Uint8Array(3_000).fill(4);
    network.feed(1, { kind: "send-message", to: identityNumber(2).nodeId, topic: "hello", body });
    network.feed(1, { kind: "send-message", to: identityNumber(99).nodeId, topic: "hello", body });
    network.run(100);
    const expected = { kind: "message", from: identityNumber(1).nodeId, topic: "hello", body };
    expect(network.node(2).effects.filter(topicOf)).to.deep.equal([expected]);
    expect(network.node(3).effects.filter(topicOf)).to.deep.equal([]);
    expect(network.node(1).membership.counters().undeliverable).to.equal(1);
  });

  it("tries a seed until it answers", () => {
    const network = new MiniNetwork({ seed: 20 });
    network.add(1);
    network.feed(1, { kind: "join", seeds: [addressOf(2)] });
    network.run(100_000);
    network.add(2);
    network.runUntil("both know both", 31_000, () => network.allSee([1, 2], "alive"));
  });

  it("changes the ring key without anyone failing", () => {
    const network = formedCluster(4, { seed: 21 });
    const keys = [1, 2].map((id) => ({ id, key: new Uint8Array(32).fill(id === 1 ? 7 : 8) }));
    // Everyone can open the new one before anyone seals with it.
    for (const number of range(1, 4))
      network.feed(number, { kind: "ring-keys", ringKeys: [keys[1]!, keys[0]!] });
    network.run(3_000);
    for (const number of range(1, 4)) {
      network.feed(number, { kind: "ring-keys", ringKeys: keys });
      network.run(2_000);
    }
    for (const number of range(1, 4)) network.feed(number, { kind: "ring-keys", ringKeys: [keys[1]!] });
    network.run(15_000);
    expect(failures(network)).to.equal(0);
    for (const { membership } of network.nodes) expect(membership.counters().unopened).to.equal(0);
  });

  it("replays: the same seed gives the same history", () => {
    const history = (): unknown => {
      const network = formedCluster(5, { seed: 22, loss: 0.1 });
      network.run(10_000);
      return network.nodes.map(({ changes }) => changes);
    };
    expect(history()).to.deep.equal(history());
  });
});

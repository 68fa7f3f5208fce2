import { expect } from "chai";
import { randomInteger, seededRng, type Instant } from "@cluster-os/std";
import { defaultMembershipConfig, type MembershipConfig } from "../src/index.ts";
import { firstIncarnation } from "../src/self.ts";
import { forger, statusOn } from "./forger.ts";
import { addressOf, formedCluster, identityNumber, MiniNetwork, range } from "./mini-network.ts";

const { suspicionMs, gossipIntervalMs } = defaultMembershipConfig;
const SEEDS = range(1, 3);

interface Verdict {
  readonly observer: number;
  /** Since when it was suspect there without a break; undefined if it was not. */
  readonly suspectSince: Instant | undefined;
  readonly at: Instant;
}

/** Every time that somebody held somebody failed. */
function verdicts(network: MiniNetwork): readonly Verdict[] {
  return network.nodes.flatMap(({ number: observer, changes }) =>
    changes.flatMap(({ at, nodeId, status }, index) => {
      if (status !== "failed") return [];
      const before = changes.slice(0, index).filter((change) => change.nodeId === nodeId);
      const lastOther = before.findLastIndex((change) => change.status !== "suspect");
      return [{ observer, suspectSince: before[lastOther + 1]?.at, at }];
    }),
  );
}

/** A cluster that was in two for some seconds and has been whole for a while; says when it became so. */
function splitAndHealed(
  seed: number,
  loss: number,
): { readonly network: MiniNetwork; readonly healedAt: Instant } {
  const rng = seededRng(seed);
  const count = 3 + randomInteger(rng, 7);
  const network = formedCluster(count, { seed, loss });
  network.run(3_000);
  const cut = 1 + randomInteger(rng, count - 1);
  network.partition(range(1, cut), range(cut + 1, count));
  network.run(1_000 + 30_000 * rng.fraction());
  network.heal();
  const healedAt = network.now;
  network.runUntil("all know all again", 45_000, () => network.allSee(range(1, count), "alive"));
  network.run(20_000);
  return { network, healedAt };
}

describe("a partition that heals", function () {
  this.timeout(120_000);

  for (const loss of [0, 0.1]) {
    it(`kills nobody by what the other side concluded, at ${loss * 100} % loss`, () => {
      for (const seed of SEEDS) {
        const { network, healedAt } = splitAndHealed(seed, loss);
        for (const { observer, suspectSince, at } of verdicts(network)) {
          const what = `seed ${seed}, on ${observer} at ${at}`;
          expect(suspectSince, `${what}: failed without having been suspect`).to.not.equal(undefined);
          expect(at - (suspectSince ?? at), `${what}: time to answer`).to.be.at.least(suspicionMs - 1);
          if (at > healedAt)
            expect(suspectSince, `${what}: suspect since the partition`).to.be.lessThan(healedAt);
        }
      }
    });
  }

  it("lets a machine that was alone for long come back without accusing anybody to death", () => {
    const network = formedCluster(6, { seed: 3 });
    network.partition([1], range(2, 6));
    network.run(90_000);
    expect(network.allSee(range(2, 6), "failed", [network.node(1)])).to.equal(true);
    network.heal();
    const healedAt = network.now;
    network.runUntil("all know all again", 45_000, () => network.allSee(range(1, 6), "alive"));
    expect(verdicts(network).filter(({ at }) => at > healedAt)).to.deep.equal([]);
  });
});

describe("who heard of a suspicion, but not of the answer,", () => {
  // Nobody is probed, told news or compared with: nothing else could clear it.
  const config: Partial<MembershipConfig> = {
    probeIntervalMs: 600_000,
    gossipFanout: 0,
    pushPullIntervalMs: 600_000,
  };

  /** Node 1 hears that 3 suspects 2, and then nobody but 2. */
  function leftWithASuspicion(seed: number): MiniNetwork {
    const network = new MiniNetwork({ seed });
    for (const number of range(1, 5)) network.add(number, { config });
    for (const number of range(1, 5))
      network.feed(number, { kind: "join", seeds: range(1, 5).map(addressOf) });
    network.runUntil("all know all", 15_000, () => network.allSee(range(1, 5), "alive"));
    network.run(15_000);
    network.partition([1, 2], range(3, 5));
    const incarnation = firstIncarnation(1);
    const accusation = { nodeId: identityNumber(2).nodeId, accuser: identityNumber(3).nodeId, incarnation };
    const bytes = forger(3)(1, { kind: "gossip" }, [{ kind: "suspect", ...accusation }]);
    network.feed(1, { kind: "datagram", from: addressOf(3), bytes });
    expect(statusOn(network, 1, 2)).to.equal("suspect");
    return network;
  }

  it("tells the suspect itself when half of the shortest suspicion is over", () => {
    for (const seed of SEEDS) {
      const network = leftWithASuspicion(seed);
      network.run(suspicionMs / 2 - gossipIntervalMs);
      expect(statusOn(network, 1, 2), "not before").to.equal("suspect");
      network.run(2 * gossipIntervalMs);
      expect(statusOn(network, 1, 2), `seed ${seed}`).to.equal("alive");
    }
  });
});

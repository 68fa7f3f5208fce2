import { expect } from "chai";
import type { NodeId } from "@cluster-os/identity";
import type { Body } from "../src/message.ts";
import type { News } from "../src/news.ts";
import { firstIncarnation } from "../src/self.ts";
import { forger, readerOf } from "./forger.ts";
import { addressOf, formedCluster, identityNumber, type MiniNetwork } from "./mini-network.ts";

const idOf = (number: number): NodeId => identityNumber(number).nodeId;

function suspicionOf(nodeId: number, accuser: number): News {
  return { kind: "suspect", nodeId: idOf(nodeId), incarnation: firstIncarnation(1), accuser: idOf(accuser) };
}

function tell(network: MiniNetwork, to: number, from: number, news: News): void {
  const bytes = forger(from)(to, { kind: "gossip" }, [news]);
  network.feed(to, { kind: "datagram", from: addressOf(from), bytes });
}

interface Said {
  readonly to: number;
  readonly body: Body;
  readonly news: readonly News[];
}

/** What node 1 says from now on, for so long. */
function said(network: MiniNetwork, durationMs: number): readonly Said[] {
  const readers = new Map(
    network.nodes.map(({ number, address }) => [address, { number, read: readerOf(number) }]),
  );
  const before = network.node(1).effects.length;
  network.run(durationMs);
  return network
    .node(1)
    .effects.slice(before)
    .flatMap((effect) => {
      const reader = effect.kind === "send" ? readers.get(effect.to) : undefined;
      const message = reader && effect.kind === "send" ? reader.read(effect.bytes) : undefined;
      return reader && message ? [{ to: reader.number, ...message }] : [];
    });
}

/** What a whole cluster shows of Lifeguard; its parts have tests of their own. */
describe("Lifeguard", () => {
  it("tells the suspect so first, with the next message of any kind, and trusts it with no other news", () => {
    const network = formedCluster(3, { seed: 31 });
    network.run(5_000);
    network.partition();
    tell(network, 1, 3, suspicionOf(2, 3));
    network.feed(1, { kind: "publish-fact", key: "news", bytes: new Uint8Array([1]) });
    const pings = said(network, 3_000).filter(({ to, body }) => to === 2 && body.kind === "ping");
    expect(pings).to.not.have.length(0);
    for (const { news } of pings) {
      const [first, ...others] = news;
      expect(first).to.include({ kind: "suspect", nodeId: idOf(2), accuser: idOf(1) });
      expect(others).to.deep.equal([]);
    }
  });

  it("makes who has to answer an accusation look at others more slowly", () => {
    const pingsAfter = (isAccused: boolean): number => {
      const network = formedCluster(2, { seed: 32 });
      network.run(5_000);
      // Of one who is no member here: what a member says itself is still heard afterwards.
      if (isAccused) tell(network, 1, 9, suspicionOf(1, 9));
      return said(network, 10_000).filter(({ body }) => body.kind === "ping").length;
    };
    expect(pingsAfter(true)).to.be.lessThan(pingsAfter(false));
  });

  it("passes a second accuser's word on, and no third's", () => {
    const network = formedCluster(6, { seed: 33 }, { config: { probeIntervalMs: 600_000 } });
    network.run(5_000);
    network.partition();
    const passedOn = (accuser: number): readonly NodeId[] => {
      tell(network, 1, accuser, suspicionOf(2, accuser));
      const heard = said(network, 500)
        .filter(({ to }) => to !== 2)
        .flatMap(({ news }) => news);
      const accusers = heard.flatMap((one) => (one.kind === "suspect" ? [one.accuser] : []));
      return [...new Set(accusers)];
    };
    expect([3, 4, 5].map(passedOn)).to.deep.equal([[idOf(3)], [idOf(4)], []]);
  });
});

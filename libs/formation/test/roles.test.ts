import { expect } from "chai";
import { Lan, type ProtocolNode } from "./support/protocols.ts";

/** Three founders that serve and see each other. */
function cluster(): { lan: Lan; nodes: [ProtocolNode, ProtocolNode, ProtocolNode] } {
  const lan = new Lan(3);
  const nodes = [lan.add(), lan.add(), lan.add()] as [ProtocolNode, ProtocolNode, ProtocolNode];
  const seesAll = ({ protocol }: ProtocolNode): boolean =>
    protocol.members().filter(({ status }) => status === "alive").length === 3;
  lan.runUntil(() => nodes.every(seesAll), 20_000);
  return { lan, nodes };
}

const idOf = ({ protocol }: ProtocolNode) => protocol.status.nodeId;

describe("roles after genesis", () => {
  it("reach every node, and the higher epoch wins in every order", () => {
    const { lan, nodes } = cluster();
    const [first, second, third] = nodes;
    const late = { kind: "roles", epoch: 2, servers: [idOf(first), idOf(third)], decidedAt: 20 } as const;
    const early = { kind: "roles", epoch: 1, servers: [idOf(first), idOf(second)], decidedAt: 10 } as const;
    lan.feed(first, late);
    lan.feed(second, early);
    lan.runUntil(() => nodes.every(({ protocol }) => protocol.status.roles?.epoch === 2), 20_000);
    for (const { protocol } of nodes) {
      expect(protocol.servers).to.deep.equal(late.servers);
      expect(protocol.status.isServer).to.equal(late.servers.includes(protocol.status.nodeId));
    }
    expect(third.of("fact-learned").map(({ key }) => key)).to.include("roles");
  });

  it("are known again after a restart", () => {
    const { lan, nodes } = cluster();
    const [first, second] = nodes;
    lan.feed(first, { kind: "roles", epoch: 1, servers: [idOf(first)], decidedAt: 10 });
    lan.runUntil(() => second.protocol.status.roles !== undefined, 20_000);
    second.start(lan.now);
    lan.feed(second, { kind: "wake" });
    expect(second.protocol.servers).to.deep.equal([idOf(first)]);
  });

  it("are signed by nobody without the authority's key", () => {
    const { lan, nodes } = cluster();
    const [first] = nodes;
    lan.feed(first, { kind: "forget-authority" });
    lan.feed(first, { kind: "roles", epoch: 1, servers: [idOf(first)], decidedAt: 10 });
    expect(first.protocol.status).to.deep.include({ hasAuthorityKey: false });
    expect(first.protocol.status.roles).to.equal(undefined);
  });

  it("are not made of an epoch that is over", () => {
    const { lan, nodes } = cluster();
    const [first, second] = nodes;
    lan.feed(first, { kind: "roles", epoch: 3, servers: [idOf(first)], decidedAt: 10 });
    lan.feed(first, { kind: "roles", epoch: 3, servers: [idOf(second)], decidedAt: 11 });
    lan.feed(first, { kind: "roles", epoch: 2, servers: [idOf(second)], decidedAt: 12 });
    expect(first.protocol.servers).to.deep.equal([idOf(first)]);
  });
});

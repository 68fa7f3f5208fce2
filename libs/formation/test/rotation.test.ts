import { expect } from "chai";
import { Membership, MEMBERSHIP_KIND } from "@cluster-os/membership";
import { seededRng } from "@cluster-os/std";
import { decodeNodeState } from "../src/index.ts";
import { Lan, RING_RETIRE_MS, type ProtocolNode } from "./support/protocols.ts";

function formed(count: number): { lan: Lan; nodes: ProtocolNode[]; server: ProtocolNode } {
  const lan = new Lan(count);
  const nodes = Array.from({ length: count }, () => lan.add());
  lan.runUntil(() => nodes.every((node) => aliveCount(node) === count), 20_000);
  const server = nodes.find(({ protocol }) => protocol.authoritySeed !== undefined)!;
  return { lan, nodes, server };
}

function aliveCount({ protocol }: ProtocolNode): number {
  return protocol.members().filter(({ status }) => status === "alive").length;
}

const ring = ({ protocol }: ProtocolNode) => protocol.status.ringKey!;
const sealing = (node: ProtocolNode): number => ring(node).sealing;

/** All seal with a newer key than `before`, and it is the same. */
function haveRotated(nodes: readonly ProtocolNode[], before = 1): boolean {
  return nodes.every((node) => sealing(node) > before && sealing(node) === sealing(nodes[0]!));
}

/** Suspected members, as each node was told. */
function suspicions(nodes: readonly ProtocolNode[]): number {
  return nodes
    .flatMap((node) => node.of("member-changed"))
    .filter(({ member }) => member.status === "suspect").length;
}

describe("ring key rotation", () => {
  it("gives every member a new key, then all seal with it, then the old one is forgotten", () => {
    const { lan, nodes, server } = formed(4);
    lan.feed(server, { kind: "rotate-ring-key" });
    expect(ring(server)).to.include({ stage: "staged", sealing: 1 });
    lan.runUntil(() => haveRotated(nodes), 10_000);
    expect(nodes.map((node) => ring(node).stage)).to.deep.equal(Array(4).fill("active"));
    const ids = () => nodes.map(({ disk }) => decodeNodeState(disk).ringKeys.map(({ id }) => id));
    expect(ids().every(({ length }) => length === 2)).to.equal(true);
    lan.run(RING_RETIRE_MS + 2_000);
    expect(ids()).to.deep.equal(Array(4).fill([sealing(server)]));
    expect(suspicions(nodes)).to.equal(0);
    expect(lan.latePersists, "on disk before it is used").to.equal(0);
  });

  it("shows who holds the newest key", () => {
    const { lan, nodes, server } = formed(3);
    lan.feed(server, { kind: "rotate-ring-key" });
    lan.runUntil(() => haveRotated(nodes), 10_000);
    lan.run(2_000);
    const held = nodes.map(({ protocol }) =>
      protocol.members().map((member) => member.description?.ringKeyId),
    );
    expect(held).to.deep.equal(Array(3).fill(Array(3).fill(sealing(server))));
  });

  it("is a server's: on others nothing happens", () => {
    const { lan, nodes } = formed(4);
    const worker = nodes.find(({ protocol }) => protocol.authoritySeed === undefined)!;
    lan.feed(worker, { kind: "rotate-ring-key" });
    lan.run(3_000);
    expect(nodes.map(sealing)).to.deep.equal([1, 1, 1, 1]);
  });

  it("ends with one key when two servers rotate at once", () => {
    const { lan, nodes } = formed(3);
    for (const node of nodes) lan.feed(node, { kind: "rotate-ring-key" });
    lan.runUntil(() => haveRotated(nodes) && nodes.every((node) => ring(node).stage === "active"), 20_000);
    lan.run(3_000);
    expect(suspicions(nodes)).to.equal(0);
    expect(nodes.map(aliveCount)).to.deep.equal([3, 3, 3]);
  });

  it("does not wait for ever for a member that cannot be handed the key", () => {
    const { lan, nodes, server } = formed(4);
    const silent = nodes.find((node) => node !== server)!;
    lan.isReached = (_from, to) => to !== silent;
    lan.feed(server, { kind: "rotate-ring-key" });
    lan.runUntil(() => haveRotated(nodes.filter((node) => node !== silent)), 40_000);
  });

  for (const hasMulticast of [true, false]) {
    it(`brings a member up to date that was away ${hasMulticast ? "" : "and hears no beacons"}`, () => {
      const { lan, nodes, server } = formed(4);
      const away = nodes.find((node) => node !== server)!;
      const others = nodes.filter((node) => node !== away);
      lan.hasMulticast = hasMulticast;
      lan.isReached = (from, to) => (from === away) === (to === away);
      lan.runUntil(() => others.every((node) => aliveCount(node) === 3), 60_000);
      for (const round of [1, 2]) {
        const before = sealing(server);
        lan.feed(server, { kind: "rotate-ring-key" });
        lan.runUntil(() => haveRotated(others, before), 20_000);
        lan.run(RING_RETIRE_MS + round);
      }
      away.start(lan.now);
      lan.feed(away, { kind: "wake" });
      lan.isReached = () => true;
      lan.runUntil(() => haveRotated(nodes) && nodes.every((node) => aliveCount(node) === 4), 60_000);
    });
  }

  it("is caught up over seeds alone, after others forgot the member", () => {
    const { lan, nodes, server } = formed(3);
    const away = nodes.find((node) => node !== server)!;
    const others = nodes.filter((node) => node !== away);
    lan.isReached = (from, to) => (from === away) === (to === away);
    lan.feed(server, { kind: "rotate-ring-key" });
    lan.runUntil(() => haveRotated(others), 30_000);
    lan.run(RING_RETIRE_MS + 1_000);
    lan.hasMulticast = false;
    for (const node of others) {
      // Who was not heard before a restart is remembered by nobody.
      const state = decodeNodeState(node.disk);
      expect(state.ringKeys).to.have.length(1);
      node.start(lan.now);
      lan.feed(node, { kind: "wake" });
    }
    lan.runUntil(() => others.every((node) => aliveCount(node) === 2), 30_000);
    away.start(lan.now);
    lan.isReached = () => true;
    lan.feed(away, { kind: "wake" });
    lan.runUntil(() => haveRotated(nodes) && nodes.every((node) => aliveCount(node) === 3), 60_000);
  });

  it("hands the new key to a machine that is admitted while it goes on", () => {
    const { lan, nodes, server } = formed(2);
    const late = lan.add();
    lan.runUntil(() => server.of("application").length > 0, 20_000);
    lan.feed(server, { kind: "rotate-ring-key" });
    lan.feed(server, { kind: "admit", nodeId: late.nodeId, index: 9 });
    const all = [...nodes, late];
    lan.runUntil(() => haveRotated(all) && all.every((node) => aliveCount(node) === 3), 30_000);
    expect(suspicions(all)).to.equal(0);
  });
});

/** Opens what it overhears with every ring key that a node ever held. */
function eavesdropper(node: ProtocolNode, member: ProtocolNode): (bytes: Uint8Array) => boolean {
  const { ringKeys } = decodeNodeState(node.disk);
  const membership = new Membership({
    identity: node.identity,
    rng: seededRng(1),
    clusterId: member.protocol.status.clusterId!,
    ringKeys,
    bootCounter: 900,
    description: member.protocol.members()[0]!.description!,
    isAdmitted: () => true,
    verifyFact: () => undefined,
    now: 0,
  });
  return (bytes) => {
    if (bytes[0] !== MEMBERSHIP_KIND) return false;
    // Addressed to others it does not open even for members; whoever holds the key could forge the address, so it is
    // the key that is asked for.
    const before = membership.counters().unknownKey;
    membership.step({ kind: "datagram", from: "10.0.0.1:8686", bytes }, 0);
    return membership.counters().unknownKey === before;
  };
}

describe("a revoked node", () => {
  function revokedIn(lossShare: number, seed: number) {
    const { lan, nodes, server } = formed(5);
    const revoked = nodes.find((node) => node !== server && node.protocol.authoritySeed === undefined)!;
    const others = nodes.filter((node) => node !== revoked);
    const rng = seededRng(seed);
    lan.isReached = () => rng.fraction() >= lossShare;
    lan.feed(server, { kind: "revoke", nodeId: revoked.nodeId });
    return { lan, revoked, others, server };
  }

  it("brings about a rotation by itself, and never opens what comes after it", () => {
    for (const seed of [1, 2, 3]) {
      const { lan, revoked, others } = revokedIn(0.05, seed);
      lan.runUntil(() => haveRotated(others), 30_000);
      let overheard = 0;
      let opened = 0;
      const canOpen = eavesdropper(revoked, others[0]!);
      lan.overhear = (bytes, from) => {
        if (from === revoked || bytes[0] !== MEMBERSHIP_KIND) return;
        overheard += 1;
        if (canOpen(bytes)) opened += 1;
      };
      lan.run(10_000);
      // And it has asked: it hears messages that it cannot open. What it is told is why.
      revoked.start(lan.now);
      lan.feed(revoked, { kind: "wake" });
      lan.run(20_000);
      expect(revoked.of("diagnostic").map(({ diagnostic }) => diagnostic.kind)).to.include("revoked");
      expect(overheard).to.be.greaterThan(50);
      expect(opened).to.equal(0);
      expect(decodeNodeState(revoked.disk).ringKeys.map(({ id }) => id)).to.deep.equal([1]);
    }
  });

  it("costs nobody else a suspicion", () => {
    const { lan, others } = revokedIn(0, 1);
    lan.runUntil(() => haveRotated(others), 30_000);
    lan.run(10_000);
    const suspected = others
      .flatMap((node) => node.of("member-changed"))
      .filter(({ member }) => member.status === "suspect")
      .filter(({ member }) => others.some(({ nodeId }) => nodeId === member.nodeId));
    expect(suspected).to.deep.equal([]);
  });
});

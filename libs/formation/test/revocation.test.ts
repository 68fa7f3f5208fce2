import { expect } from "chai";
import { openRevocation, signRevocation } from "@cluster-os/admission";
import { signingKeyFromSeed } from "@cluster-os/identity";
import { JoinKey } from "../src/join-key.ts";
import { signNotice } from "../src/notice.ts";
import { frame } from "../src/frame.ts";
import { Lan, type ProtocolNode } from "./support/protocols.ts";
import { JOIN_KEY, Machine, World } from "./support/world.ts";

const OLD_KEY = new JoinKey(JOIN_KEY).id;

function formed(count: number): { lan: Lan; nodes: ProtocolNode[] } {
  const lan = new Lan(count);
  const nodes = Array.from({ length: count }, () => lan.add());
  const isWhole = ({ protocol }: ProtocolNode): boolean =>
    protocol.members().filter(({ status }) => status === "alive").length === count;
  lan.runUntil(() => nodes.every(isWhole), 20_000);
  return { lan, nodes };
}

describe("a revocation among members", () => {
  const isGoneFor = (gone: ProtocolNode, nodes: readonly ProtocolNode[]): boolean =>
    nodes.every(
      ({ protocol }) =>
        !protocol.roster!.isAdmitted(gone.nodeId) &&
        !protocol.members().some(({ nodeId }) => nodeId === gone.nodeId),
    );
  const isSilent = ({ effects }: ProtocolNode, since: number): boolean =>
    effects.slice(since).every(({ kind }) => kind !== "send" && kind !== "multicast");

  it("takes the node out everywhere within seconds, and it falls silent for ever", () => {
    const { lan, nodes } = formed(3);
    const [server, gone, third] = nodes as [ProtocolNode, ProtocolNode, ProtocolNode];
    lan.feed(server, { kind: "revoke", nodeId: gone.nodeId });
    lan.runUntil(() => isGoneFor(gone, [server, third]) && gone.protocol.status.isRevoked, 5_000);
    expect(gone.of("diagnostic").map(({ diagnostic }) => diagnostic.kind)).to.deep.equal(["revoked"]);
    expect(gone.protocol.members()).to.deep.equal([]);
    const since = gone.effects.length;
    lan.run(20_000);
    expect(isSilent(gone, since)).to.equal(true);
    expect(isGoneFor(gone, [server, third])).to.equal(true);
  });

  it("outlasts restarts of everything", () => {
    const { lan, nodes } = formed(3);
    const [server, gone, third] = nodes as [ProtocolNode, ProtocolNode, ProtocolNode];
    lan.feed(server, { kind: "revoke", nodeId: gone.nodeId });
    lan.runUntil(() => isGoneFor(gone, [server, third]) && gone.protocol.status.isRevoked, 5_000);
    // What may be on disk a moment later is.
    lan.run(2_000);
    for (const node of nodes) node.start(lan.now);
    const since = gone.effects.length;
    lan.run(10_000);
    expect(isGoneFor(gone, [server, third])).to.equal(true);
    expect(gone.protocol.status.isRevoked).to.equal(true);
    expect(isSilent(gone, since)).to.equal(true);
    expect(gone.of("diagnostic")).to.have.length(2);
    expect(server.protocol.members().filter(({ status }) => status === "alive")).to.have.length(2);
  });

  it("reaches a node that was off when it was revoked", () => {
    const { lan, nodes } = formed(3);
    const [server, gone] = nodes as [ProtocolNode, ProtocolNode];
    lan.nodes.splice(lan.nodes.indexOf(gone), 1);
    lan.feed(server, { kind: "revoke", nodeId: gone.nodeId });
    lan.run(10_000);
    gone.start(lan.now);
    lan.nodes.push(gone);
    lan.runUntil(() => gone.protocol.status.isRevoked, 60_000);
  });

  it("is the same record whichever server signs it", () => {
    const { lan, nodes } = formed(3);
    const [one, other, gone] = nodes as [ProtocolNode, ProtocolNode, ProtocolNode];
    const decision = { nodeId: gone.nodeId, revokedAt: 1_700_000_000_123, retiredJoinKeys: [OLD_KEY] };
    const recordOf = (node: ProtocolNode): Uint8Array => {
      lan.feed(node, { kind: "revoke", ...decision });
      return node.protocol.roster!.revocationOf(gone.nodeId)!;
    };
    const record = recordOf(one);
    expect(recordOf(other)).to.deep.equal(record);
    const { authorityKey } = one.protocol.genesis!;
    const clusterId = one.protocol.status.clusterId!;
    expect(openRevocation(record, { clusterId, authorityKey }).payload).to.deep.equal({
      clusterId,
      ...decision,
    });
  });

  it("counts for the node itself only from a member: a revoked server cannot revoke the others", () => {
    const { lan, nodes } = formed(3);
    const [server, gone, third] = nodes as [ProtocolNode, ProtocolNode, ProtocolNode];
    lan.feed(server, { kind: "revoke", nodeId: gone.nodeId });
    lan.runUntil(() => isGoneFor(gone, [server, third]), 5_000);
    // With the authority key, which it still has, it signs what it likes.
    const { clusterId } = server.protocol.status;
    const authority = signingKeyFromSeed(server.protocol.authoritySeed!);
    const forged = signRevocation(
      { clusterId: clusterId!, nodeId: third.nodeId, revokedAt: 1, retiredJoinKeys: [] },
      authority,
    );
    const hearFrom = ({ identity, address }: ProtocolNode): boolean => {
      const bytes = frame(signNotice(forged, identity));
      lan.feed(third, { kind: "datagram", from: address, bytes });
      return third.protocol.status.isRevoked;
    };
    expect(hearFrom(gone)).to.equal(false);
    expect(third.of("diagnostic")).to.deep.equal([]);
    expect(hearFrom(server)).to.equal(true);
  });
});

describe("a new join key", () => {
  const NEW_KEY = new Uint8Array(32).fill(6);
  const decision = { sequence: 1, key: NEW_KEY, retired: [OLD_KEY], createdAt: 5 };

  it("is known to every member, also after restarts, and the newest counts", () => {
    const { lan, nodes } = formed(3);
    const [server] = nodes as [ProtocolNode];
    const isKnown = (id: string): boolean => nodes.every(({ protocol }) => protocol.joinKeyIds.join() === id);
    expect(isKnown(OLD_KEY)).to.equal(true);
    lan.feed(server, { kind: "join-key", ...decision });
    lan.runUntil(() => isKnown(new JoinKey(NEW_KEY).id), 5_000);
    const newer = { ...decision, sequence: 2, key: new Uint8Array(32).fill(7) };
    lan.feed(server, { kind: "join-key", ...newer });
    lan.feed(server, { kind: "join-key", ...decision });
    lan.runUntil(() => isKnown(new JoinKey(newer.key).id), 5_000);
    lan.run(2_000);
    for (const node of nodes) node.start(lan.now);
    lan.run(100);
    expect(isKnown(new JoinKey(newer.key).id)).to.equal(true);
  });

  const sticks = [
    { name: "the new stick is let in unattended", joinKey: NEW_KEY, hasJoinKey: true },
    { name: "the old stick waits for a person", joinKey: JOIN_KEY, hasJoinKey: false },
  ];
  for (const { name, joinKey, hasJoinKey } of sticks) {
    it(`${name}, and is answered under its own key`, () => {
      const world = new World();
      const server = world.add({ expect: 1 });
      world.runUntil(() => server.clusterId !== undefined, 10_000);
      const { joinKey: book } = server.formation.ledger!;
      book.learn(book.sign(decision)!);
      const newcomer = world.add({ joinKey });
      world.runUntil(() => server.of("application").length > 0, 20_000);
      expect(server.of("application")[0]!.applicant).to.deep.include({ nodeId: newcomer.nodeId, hasJoinKey });
      world.feed(server, { kind: "admit", nodeId: newcomer.nodeId, index: 10 });
      world.runUntil(() => newcomer.clusterId !== undefined, 20_000);
    });
  }
});

describe("an application after a revocation", () => {
  function cluster(world: World): Machine {
    const server = world.add({ expect: 1 });
    world.runUntil(() => server.clusterId !== undefined, 10_000);
    return server;
  }

  it("of the revoked key gets no answer, though its state was wiped", () => {
    const world = new World();
    const server = cluster(world);
    const newcomer = world.add();
    world.runUntil(() => server.of("application").length > 0, 20_000);
    world.feed(server, { kind: "revoke", nodeId: newcomer.nodeId });
    world.feed(server, { kind: "admit", nodeId: newcomer.nodeId, index: 10 });
    world.run(30_000);
    expect(newcomer.clusterId).to.equal(undefined);
  });

  const applicants = [
    { name: "that was retired waits for a person", retiredJoinKeys: [OLD_KEY], hasJoinKey: false },
    { name: "that nobody retired is as good as before", retiredJoinKeys: [], hasJoinKey: true },
  ];
  for (const { name, retiredJoinKeys, hasJoinKey } of applicants) {
    it(`with a join key ${name}`, () => {
      const world = new World();
      const server = cluster(world);
      const stranger = new Machine(99, {});
      world.feed(server, { kind: "revoke", nodeId: stranger.nodeId, retiredJoinKeys });
      const newcomer = world.add();
      world.runUntil(() => server.of("application").length > 0, 20_000);
      expect(server.of("application")[0]!.applicant).to.deep.include({
        nodeId: newcomer.nodeId,
        hasJoinKey,
      });
      // Whoever approves it lets it in all the same.
      world.feed(server, { kind: "admit", nodeId: newcomer.nodeId, index: 10 });
      world.runUntil(() => newcomer.clusterId !== undefined, 20_000);
    });
  }
});

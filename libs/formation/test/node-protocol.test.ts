import { expect } from "chai";
import { signingKeyFromSeed } from "@cluster-os/identity";
import { utf8 } from "@cluster-os/std";
import { NodeStateError } from "../src/index.ts";
import { description, Lan, type ProtocolNode } from "./support/protocols.ts";

function formed(count: number): { lan: Lan; nodes: ProtocolNode[] } {
  const lan = new Lan(count);
  const nodes = Array.from({ length: count }, () => lan.add());
  lan.runUntil(() => nodes.every((node) => seesAll(node, count)), 20_000);
  return { lan, nodes };
}

function seesAll({ protocol }: ProtocolNode, count: number): boolean {
  return protocol.members().filter(({ status }) => status === "alive").length === count;
}

describe("node protocol", () => {
  it("goes from power-on to members that see each other", () => {
    const { nodes } = formed(3);
    const [first] = nodes as [ProtocolNode];
    expect(nodes.map((node) => node.of("admitted"))).to.satisfy((all: unknown[][]) =>
      all.every(({ length }) => length === 1),
    );
    expect(first.protocol.status).to.deep.include({
      lifecycle: "converge",
      isFounder: true,
      isServer: true,
      hasAuthorityKey: true,
    });
    expect(first.protocol.status.clusterId).to.match(/^[0-9a-f]{32}$/);
    expect(first.protocol.members().map(({ description: own }) => own?.lifecycle)).to.include("converge");
    expect(nodes.map(({ protocol }) => protocol.status.index).sort()).to.deep.equal([1, 2, 3]);
  });

  it("names the stages init, join, converge, serve and reconfigure", () => {
    const lan = new Lan(1);
    const node = lan.add();
    const seen = [node.protocol.status.lifecycle];
    lan.feed(node, { kind: "wake" });
    seen.push(node.protocol.status.lifecycle);
    lan.runUntil(() => node.protocol.genesis !== undefined);
    for (const state of ["none", "ready", "upgrading", "ready"]) {
      seen.push(node.protocol.status.lifecycle);
      lan.feed(node, { kind: "describe", description: description(state) });
    }
    seen.push(node.protocol.status.lifecycle);
    expect(seen).to.deep.equal(["init", "join", "converge", "converge", "serve", "reconfigure", "serve"]);
  });

  it("persists before anything else in a step leaves", () => {
    const { lan, nodes } = formed(3);
    expect(lan.latePersists).to.equal(0);
    expect(nodes.every((node) => node.effects[0]?.kind === "persist")).to.equal(true);
  });

  it("is a member again after a restart, over remembered addresses alone", () => {
    const { lan, nodes } = formed(3);
    const [node] = nodes as [ProtocolNode];
    lan.run(2_000);
    lan.hasMulticast = false;
    const before = node.protocol.status;
    node.effects = [];
    node.start(lan.now);
    lan.feed(node, { kind: "wake" });
    expect(node.of("admitted")).to.have.length(1);
    expect(node.of("epoch")).to.deep.equal([
      { kind: "epoch", epoch: 0, initialiser: before.epoch?.initialiser },
    ]);
    lan.runUntil(() => seesAll(node, 3), 15_000);
    expect(node.protocol.status).to.deep.include({ clusterId: before.clusterId, index: before.index });
  });

  it("never counts a start twice", () => {
    const lan = new Lan(2);
    const node = lan.add();
    const counters = [1, 2, 3].map(() => {
      node.start(lan.now);
      lan.feed(node, { kind: "wake" });
      return node.disk;
    });
    expect(new Set(counters.map((disk) => Buffer.from(disk!).toString("hex"))).size).to.equal(3);
  });

  it("refuses a damaged state rather than forget what it promised", () => {
    const lan = new Lan(2);
    const node = lan.add();
    lan.feed(node, { kind: "wake" });
    node.disk = node.disk!.subarray(0, -1);
    expect(() => node.start(lan.now)).to.throw(NodeStateError, "damaged");
  });

  it("admits a late machine, whom all then see under the index it was given", () => {
    const { lan, nodes } = formed(2);
    const late = lan.add();
    const server = nodes.find(({ protocol }) => protocol.authoritySeed !== undefined)!;
    lan.runUntil(() => server.of("application").length > 0, 20_000);
    lan.feed(server, { kind: "admit", nodeId: late.nodeId, index: 7 });
    lan.runUntil(() => [...nodes, late].every((node) => seesAll(node, 3)), 30_000);
    expect(late.protocol.status).to.deep.include({
      index: 7,
      isFounder: false,
      isServer: false,
      hasAuthorityKey: false,
    });
    expect(nodes[0]!.protocol.roster!.indexOf(late.nodeId)).to.equal(7);
  });

  it("spreads the established record to all, once a majority joined", () => {
    const { lan, nodes } = formed(3);
    for (const node of nodes.slice(0, 2)) lan.feed(node, { kind: "joined", epoch: 0 });
    lan.runUntil(() => nodes.every((node) => node.of("established").length === 1), 20_000);
    expect(nodes[2]!.protocol.facts().has("established")).to.equal(true);
    expect(nodes[2]!.protocol.status.established?.epoch).to.equal(0);
  });

  it("passes the app's messages and keeps formation's own", () => {
    const { lan, nodes } = formed(2);
    const [one, other] = nodes as [ProtocolNode, ProtocolNode];
    lan.feed(one, { kind: "send-message", to: other.nodeId, topic: "greeting", body: utf8("hello") });
    lan.run(3_000);
    expect(other.of("message")).to.deep.equal([
      { kind: "message", from: one.nodeId, topic: "greeting", body: utf8("hello") },
    ]);
  });

  it("takes the authority key only if it is the cluster's", () => {
    const { lan, nodes } = formed(2);
    const server = nodes.find(({ protocol }) => protocol.authoritySeed !== undefined)!;
    const worker = nodes.find((node) => node !== server)!;
    lan.feed(worker, { kind: "authority", seed: new Uint8Array(32).fill(1) });
    expect(worker.protocol.authoritySeed).to.equal(undefined);
    lan.feed(worker, { kind: "authority", seed: server.protocol.authoritySeed! });
    expect(signingKeyFromSeed(worker.protocol.authoritySeed!).publicKey).to.deep.equal(
      worker.protocol.genesis!.authorityKey,
    );
  });
});

describe("wall clocks", () => {
  const HOUR_MS = 3_600_000;
  /** Three found a cluster, one comes later, one of them restarts; gives when each of that was done. */
  function history(aheadMs: readonly [number, number, number, number]): readonly number[] {
    const lan = new Lan(3);
    const nodes = aheadMs.slice(0, 3).map((ahead) => lan.add(ahead));
    lan.runUntil(() => nodes.every((node) => seesAll(node, 3)), 20_000);
    const formedAt = lan.now;
    const late = lan.add(aheadMs[3]);
    const server = nodes.find(({ protocol }) => protocol.authoritySeed !== undefined)!;
    lan.runUntil(() => server.of("application").length > 0, 20_000);
    lan.feed(server, { kind: "admit", nodeId: late.nodeId, index: 4 });
    lan.runUntil(() => [...nodes, late].every((node) => seesAll(node, 4)), 30_000);
    const admittedAt = lan.now;
    const [first] = nodes as [ProtocolNode];
    first.start(lan.now);
    lan.feed(first, { kind: "wake" });
    lan.runUntil(() => seesAll(first, 4), 20_000);
    return [formedAt, admittedAt, lan.now];
  }

  it("decide nothing: an hour or fifty years apart, everything happens as if they agreed", () => {
    const inStep = history([0, 0, 0, 0]);
    expect(history([HOUR_MS, 0, -HOUR_MS, HOUR_MS])).to.deep.equal(inStep);
    expect(history([-1_699_999_990_000, 0, 40 * 365 * 24 * HOUR_MS, -HOUR_MS])).to.deep.equal(inStep);
  });
});

describe("what a machine tells of its search", () => {
  it("refuses garbage and other clusters' messages before anything else, and counts them", () => {
    const { lan, nodes } = formed(2);
    const [node, other] = nodes as [ProtocolNode, ProtocolNode];
    const before = node.protocol.counters();
    let bytes: Uint8Array = new Uint8Array();
    lan.overhear = (sent, from) => {
      if (from === other && sent[0] === 2) bytes = sent;
    };
    lan.run(2_000);
    const foreign = Uint8Array.from(bytes, (byte, at) => (at === 3 ? byte ^ 1 : byte));
    for (const one of [foreign, bytes.subarray(0, 100), foreign]) {
      const effects = node.protocol.step({ kind: "datagram", from: "x:1", bytes: one }, lan.now + 60_000);
      expect(effects, "not even what is due by then").to.deep.equal([]);
    }
    const after = node.protocol.counters();
    expect(after["membership.foreign"]).to.equal((before["membership.foreign"] ?? 0) + 2);
    expect(after["membership.malformed"]).to.equal((before["membership.malformed"] ?? 0) + 1);
  });

  it("counts what was heard and refused, by core", () => {
    const { lan, nodes } = formed(2);
    const [node] = nodes as [ProtocolNode];
    const before = node.protocol.counters();
    expect(before["formation.heard"]).to.be.greaterThan(0);
    expect(before["formation.sent"]).to.be.greaterThan(0);
    expect(before["membership.accepted"]).to.be.greaterThan(0);
    expect(node.protocol.status.discovery).to.deep.include({
      beaconsHeard: before["formation.heard"],
      unheardBy: 0,
    });
    for (const kind of [1, 2]) lan.feed(node, { kind: "datagram", from: "x:1", bytes: garbage(kind) });
    const after = node.protocol.counters();
    expect(after["formation.refused"]).to.equal((before["formation.refused"] ?? 0) + 1);
    expect(after["membership.malformed"]).to.equal((before["membership.malformed"] ?? 0) + 1);
  });
});

/** The first byte says for which core; the rest begins like a beacon and is none. */
function garbage(kind: number): Uint8Array {
  return Uint8Array.of(kind, 0x85, 0x66, ...utf8("beacon"), 0xff);
}

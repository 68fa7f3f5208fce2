import { expect } from "chai";
import type { ProtocolNode } from "./support/protocols.ts";
import { Lan } from "./support/protocols.ts";

const diagnosticsOf = (node: ProtocolNode): readonly string[] =>
  node.of("diagnostic").map(({ diagnostic }) => diagnostic.kind);
const changesOf = (node: ProtocolNode, nodeId: string): readonly string[] =>
  node
    .of("member-changed")
    .filter(({ member }) => member.nodeId === nodeId)
    .map(({ member }) => member.status);

/** Three members, and a copy of the third one's disk that is started in another machine `afterMs` later. */
function cloned(afterMs: number, { restartsOriginal = false } = {}) {
  const lan = new Lan(3);
  const [first, second, original] = [lan.add(), lan.add(), lan.add()];
  lan.runUntil(() => lan.nodes.every(({ protocol }) => protocol.members().length === 3));
  lan.run(afterMs);
  const copy = lan.addCopy(original);
  if (restartsOriginal) original.start(lan.now);
  for (const node of lan.nodes) node.effects = [];
  return { lan, first, second, original, copy };
}

describe("one identity on two machines", () => {
  for (const [what, options, stays] of [
    ["the copy, which started last, stays", {}, "copy"],
    ["of two that started equally often one stays", { restartsOriginal: true }, "either"],
  ] as const) {
    it(`is told on both: ${what}, and nobody else sees anything go`, () => {
      const { lan, first, second, original, copy } = cloned(5_000, options);
      lan.run(60_000);
      expect(diagnosticsOf(original)).to.include("duplicate-identity");
      expect(diagnosticsOf(copy)).to.include("duplicate-identity");
      const yielded = [original, copy].filter((node) => diagnosticsOf(node).includes("identity-yielded"));
      expect(yielded).to.have.length(1);
      if (stays === "copy") expect(yielded).to.deep.equal([original]);
      for (const node of [first, second]) {
        expect(changesOf(node, original.nodeId)).to.not.include("failed");
        expect(changesOf(node, original.nodeId).length, "changes").to.be.at.most(6);
        node.effects = [];
      }
      lan.run(120_000);
      for (const node of [first, second])
        expect(changesOf(node, original.nodeId), "settled").to.deep.equal([]);
      expect(first.protocol.members().map(({ status }) => status)).to.deep.equal(["alive", "alive", "alive"]);
    });
  }

  it("is said for as long as both run", () => {
    const { lan, original, copy } = cloned(5_000);
    lan.run(180_000);
    for (const node of [original, copy]) {
      const kinds = node.protocol.status.diagnostics.map(({ kind }) => kind);
      expect(kinds).to.include("duplicate-identity");
    }
  });

  it("does not stop a machine whose own former beacons are played back to it", () => {
    const lan = new Lan(3);
    const recorded: Uint8Array[] = [];
    const nodes = [lan.add(), lan.add(), lan.add()];
    const [victim] = nodes as [ProtocolNode];
    lan.overhear = (bytes, from) => {
      if (from === victim && bytes[0] === 1) recorded.push(bytes);
    };
    lan.runUntil(() => lan.nodes.every(({ protocol }) => protocol.members().length === 3));
    lan.overhear = () => {};
    victim.start(lan.now);
    lan.run(10_000);
    for (const bytes of recorded) lan.feed(victim, { kind: "datagram", from: "10.0.0.9:8686", bytes });
    expect(diagnosticsOf(victim)).to.not.include("identity-yielded");
  });
});

import { expect } from "chai";
import fc from "fast-check";
import type { Node, Taint } from "@cluster-os/kube";
import { APPLIED_ANNOTATION, nodeWish, planNodePatch, type NodeWish } from "../src/plan/node-patch.ts";
import { kubernetesNode, patched } from "./fixtures.ts";

const NOTHING: NodeWish = { labels: {}, taints: [], isCordoned: false };
const gpuTaint: Taint = { key: "gpu", value: "yes", effect: "NoSchedule" };
const notReady: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoExecute" };

/** The Node after the operator has seen the wishes one after the other. */
function after(node: Node, ...wishes: readonly NodeWish[]): Node {
  return wishes.reduce((current, wish) => {
    const patch = planNodePatch(wish, current);
    return patch ? patched(current, patch) : current;
  }, node);
}

describe("nodeWish", () => {
  it("is the spec, and a label per role but those of others", () => {
    const spec = { unschedulable: true, labels: { rack: "7" }, taints: [{ ...gpuTaint, value: "" }] };
    expect(nodeWish(spec, ["server", "worker"])).to.deep.equal({
      labels: { rack: "7", "node-role.kubernetes.io/worker": "" },
      taints: [{ key: "gpu", effect: "NoSchedule" }],
      isCordoned: true,
    });
    expect(nodeWish(undefined, [])).to.deep.equal(NOTHING);
  });
});

describe("planNodePatch", () => {
  const table: readonly {
    readonly name: string;
    readonly wish: NodeWish;
    readonly node: Node;
    readonly patch: unknown;
  }[] = [
    { name: "nothing wished, nothing there", wish: NOTHING, node: kubernetesNode(), patch: undefined },
    {
      name: "a cordon",
      wish: { ...NOTHING, isCordoned: true },
      node: kubernetesNode(),
      patch: {
        metadata: { resourceVersion: "7", annotations: { [APPLIED_ANNOTATION]: '{"cordon":true}' } },
        spec: { unschedulable: true },
      },
    },
    {
      name: "a cordon that somebody else made before",
      wish: { ...NOTHING, isCordoned: true },
      node: kubernetesNode({ spec: { unschedulable: true } }),
      patch: undefined,
    },
    {
      name: "the end of somebody else's cordon is not ours to decide",
      wish: NOTHING,
      node: kubernetesNode({ spec: { unschedulable: true } }),
      patch: undefined,
    },
    {
      name: "a label",
      wish: { ...NOTHING, labels: { rack: "7" } },
      node: kubernetesNode(),
      patch: {
        metadata: {
          resourceVersion: "7",
          labels: { rack: "7" },
          annotations: { [APPLIED_ANNOTATION]: '{"labels":["rack"]}' },
        },
      },
    },
    {
      name: "a taint beside another's",
      wish: { ...NOTHING, taints: [gpuTaint] },
      node: kubernetesNode({ spec: { taints: [notReady] } }),
      patch: {
        metadata: {
          resourceVersion: "7",
          annotations: { [APPLIED_ANNOTATION]: '{"taints":["gpu:NoSchedule"]}' },
        },
        spec: { taints: [notReady, gpuTaint] },
      },
    },
    {
      name: "the last of the taints is gone",
      wish: NOTHING,
      node: after(kubernetesNode(), { ...NOTHING, taints: [gpuTaint] }),
      patch: {
        metadata: { resourceVersion: "8", annotations: { [APPLIED_ANNOTATION]: null } },
        spec: { taints: null },
      },
    },
    {
      name: "an annotation that somebody made unreadable owns nothing",
      wish: NOTHING,
      node: kubernetesNode({
        metadata: { name: "n-a", resourceVersion: "7", annotations: { [APPLIED_ANNOTATION]: "{" } },
        spec: { unschedulable: true },
      }),
      patch: { metadata: { resourceVersion: "7", annotations: { [APPLIED_ANNOTATION]: null } } },
    },
  ];
  for (const { name, wish, node, patch } of table) {
    it(name, () => expect(planNodePatch(wish, node)).to.deep.equal(patch));
  }

  it("takes back its own cordon that somebody undid, and undoes it when the wish ends", () => {
    const cordoned = after(kubernetesNode(), { ...NOTHING, isCordoned: true });
    const undone = { ...cordoned, spec: {} };
    expect(planNodePatch({ ...NOTHING, isCordoned: true }, undone)?.spec).to.deep.equal({
      unschedulable: true,
    });
    expect(after(cordoned, NOTHING).spec).to.deep.equal({});
  });

  it("a label's change of value, and its end", () => {
    const node = after(kubernetesNode(), { ...NOTHING, labels: { rack: "7" } });
    expect(after(node, { ...NOTHING, labels: { rack: "8" } }).metadata.labels?.["rack"]).to.equal("8");
    expect(after(node, NOTHING).metadata).to.deep.include({ labels: { "kubernetes.io/os": "linux" } });
  });
});

const name = fc.constantFrom("rack", "zone", "gpu", "tier");
const value = fc.constantFrom("", "a", "b");
const labels = fc.dictionary(name, value);
const taint = fc.record({
  key: name,
  value,
  effect: fc.constantFrom("NoSchedule" as const, "NoExecute" as const),
});
const taints = fc.uniqueArray(taint, { selector: ({ key, effect }) => `${key}:${effect}` });
const wish: fc.Arbitrary<NodeWish> = fc.record({ labels, taints, isCordoned: fc.boolean() });
const byName = (left: Taint, right: Taint): number =>
  `${left.key}${left.effect}` < `${right.key}${right.effect}` ? -1 : 1;

/** What of a Node others have put there, whatever the operator did. */
const foreignNode = fc
  .record({ labels, taints, unschedulable: fc.boolean() })
  .map(({ labels: present, taints: theirs, unschedulable }) => {
    const metadata = { name: "n-a", resourceVersion: "7", labels: present };
    const spec = {
      ...(theirs.length > 0 && { taints: theirs }),
      ...(unschedulable && { unschedulable }),
    };
    return kubernetesNode({ metadata, spec });
  });

describe("planNodePatch, whatever is wished", () => {
  it("is as wished after one patch, and then there is nothing to do", () => {
    fc.assert(
      fc.property(foreignNode, fc.array(wish, { minLength: 1, maxLength: 5 }), (node, wishes) => {
        const last = wishes.at(-1) as NodeWish;
        const result = after(node, ...wishes);
        expect(planNodePatch(last, result)).to.equal(undefined);
        expect(result.metadata.labels ?? {}).to.include(last.labels);
        for (const { key, effect, value: wished = "" } of last.taints) {
          const found = result.spec?.taints?.find((one) => one.key === key && one.effect === effect);
          expect(found?.value ?? "").to.equal(wished);
        }
        if (last.isCordoned) expect(result.spec?.unschedulable).to.equal(true);
      }),
    );
  });

  it("never touches what is not wished of it and was not wished before", () => {
    fc.assert(
      fc.property(foreignNode, fc.array(wish, { maxLength: 5 }), (node, wishes) => {
        const result = after(node, ...wishes, NOTHING);
        const touchedLabels = new Set(wishes.flatMap(({ labels: some }) => Object.keys(some)));
        for (const [label, present] of Object.entries(node.metadata.labels ?? {})) {
          if (!touchedLabels.has(label)) expect(result.metadata.labels?.[label]).to.equal(present);
        }
        const touched = new Set(
          wishes.flatMap(({ taints: some }) => some.map((one) => `${one.key}:${one.effect}`)),
        );
        for (const present of node.spec?.taints ?? []) {
          if (!touched.has(`${present.key}:${present.effect}`))
            expect(result.spec?.taints).to.deep.include(present);
        }
        // A cordon of others outlives any wish.
        if (node.spec?.unschedulable) expect(result.spec?.unschedulable).to.equal(true);
      }),
    );
  });

  it("a wish that ends leaves the Node as it was, where nobody else wanted something different", () => {
    fc.assert(
      fc.property(foreignNode, wish, (node, wished) => {
        const labelsFit = Object.entries(wished.labels).every(
          ([label, text]) => (node.metadata.labels?.[label] ?? text) === text,
        );
        const taintsFit = wished.taints.every((one) =>
          (node.spec?.taints ?? []).every(
            (other) => other.key !== one.key || other.effect !== one.effect || other.value === one.value,
          ),
        );
        fc.pre(labelsFit && taintsFit);
        const result = after(node, wished, NOTHING);
        const shape = ({ metadata, spec }: Node) => ({
          labels: metadata.labels ?? {},
          annotations: metadata.annotations ?? {},
          taints: [...(spec?.taints ?? [])].sort(byName),
          unschedulable: spec?.unschedulable ?? false,
        });
        expect(shape(result)).to.deep.equal(shape(node));
      }),
    );
  });
});
